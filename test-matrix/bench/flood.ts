import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.js'
import { Child } from './child.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import type { RelayProcess } from './relay.js'
import { alternate } from './runner.js'
import type { Stage } from './stage.js'
import type { WritersConfig, WritersLine } from './writers-child.js'

const writers = 16
const payloadBytes = 300

/** What an application that writes as fast as it can loses while the relay runs beside it. */
export const flood: Bench = {
  name: 'flood',
  title: `${writers} writers at full speed, with the relay and without`,
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) yield await measure(stage, database, driver)
    }
  },
}

async function measure(stage: Stage, database: BenchDatabase, driver: DriverName): Promise<Series> {
  const seconds = stage.size(20)
  const drained: number[] = []
  const pairs = await alternate(stage.options.runs, {
    value: () =>
      withWriters(stage, database, seconds, (rate) =>
        stage.withTopic({}, (topic) =>
          stage.withRelay({ database, driver, topic }, async (relay) => {
            const before = settled(relay)
            const found = await rate()
            drained.push((settled(relay) - before) / found.seconds / found.perSecond)
            return found.perSecond
          }),
        ),
      ),
    against: () => withWriters(stage, database, seconds, async (rate) => (await rate()).perSecond),
  })
  const shares = drained.map((share) => `${Math.round(share * 100)} %`).join(', ')
  return {
    bench: `flood: ${writers} writers`,
    database: database.name,
    orm: null,
    driver,
    unit: 'transactions/s',
    ceiling: 'the writers without a relay',
    aim: { of: 'ratio', least: 0.9 },
    pairs,
    note: `of what was written meanwhile the relay published ${shares}; all of it runs on this one machine`,
  }
}

const settled = (relay: RelayProcess): number => relay.progress.at(-1)?.settled ?? 0

interface Rate {
  readonly perSecond: number
  readonly seconds: number
}

/** `work` gets a function that measures the writers' rate for `seconds`, after a moment to get going. */
async function withWriters(
  stage: Stage,
  database: BenchDatabase,
  seconds: number,
  work: (rate: () => Promise<Rate>) => Promise<number>,
): Promise<number> {
  await database.empty()
  const config: WritersConfig = {
    database: database.name,
    url: database.url,
    writers,
    payloadBytes,
    seed: stage.options.seed,
  }
  const child = await Child.start<WritersLine>('writers-child', config)
  let asked = 0
  const count = async (): Promise<{ at: number; committed: number }> => {
    child.tell('count')
    return child.nth('count', asked++, 30_000)
  }
  try {
    await child.waitFor('ready', 30_000)
    return await work(async () => {
      await sleep(1_000)
      const from = await count()
      await sleep(seconds * 1000)
      const to = await count()
      const took = (to.at - from.at) / 1000
      return { perSecond: (to.committed - from.committed) / took, seconds: took }
    })
  } finally {
    await child.end()
    await database.empty()
  }
}
