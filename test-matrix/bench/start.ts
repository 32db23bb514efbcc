import { Arrivals } from './arrivals.js'
import type { Bench } from './bench.js'
import { Child } from './child.js'
import { monotonicMs } from './child-side.js'
import type { ConnectConfig, ConnectLine } from './connect-child.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import { alternate } from './runner.js'
import { runtimeFor } from './runtime.js'
import type { Stage } from './stage.js'

/** From the start of the relay's process to its first event at a consumer. */
export const start: Bench = {
  name: 'start',
  title: 'from the start of the process to the first event',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) yield await measure(stage, database, driver)
    }
  },
}

async function measure(stage: Stage, database: BenchDatabase, driver: DriverName): Promise<Series> {
  const brokers = await stage.brokers()
  // It is short, so it is measured more often.
  const pairs = await alternate(stage.options.quick ? 1 : stage.options.runs * 3, {
    value: () => firstEvent(stage, database, driver, brokers),
    against: () => connected(stage, { database: database.name, url: database.url, driver, brokers }),
  })
  return {
    bench: 'start: first event',
    database: database.name,
    orm: null,
    driver,
    unit: 'ms',
    ceiling: 'a process that connects to both, and no more',
    aim: { of: 'difference', most: 300 },
    pairs,
  }
}

function firstEvent(
  stage: Stage,
  database: BenchDatabase,
  driver: DriverName,
  brokers: readonly string[],
): Promise<number> {
  return stage.withTopic({}, async (topic) => {
    await database.empty()
    await database.fill(1, 300)
    const arrivals = await Arrivals.of(brokers, topic)
    try {
      const startedAt = monotonicMs()
      return await stage.withRelay({ database, driver, topic, until: 1 }, async (relay) => {
        await relay.drained(30_000)
        return (await arrivals.first(10_000)) - startedAt
      })
    } finally {
      await arrivals.end()
    }
  })
}

async function connected(stage: Stage, config: Omit<ConnectConfig, 'topic'>): Promise<number> {
  const runtime = await runtimeFor(config.driver)
  return stage.withTopic({}, async (topic) => {
    const startedAt = monotonicMs()
    const child = await Child.start<ConnectLine>('connect-child', { ...config, topic }, runtime)
    try {
      return (await child.waitFor('connected', 30_000)).at - startedAt
    } finally {
      await child.end()
    }
  })
}
