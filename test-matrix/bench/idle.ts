import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import { repeat } from './runner.js'
import type { Stage } from './stage.js'
import { StatementCounter } from './statement-counter.js'

/** What a relay that has nothing to do asks of the database; counted on the wire, between the two. */
export const idle: Bench = {
  name: 'idle',
  title: 'statements per second of a relay with nothing to do',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) {
        yield await measure(stage, database, driver)
        yield await asleep(stage, database, driver)
      }
    }
  },
}

async function measure(stage: Stage, database: BenchDatabase, driver: DriverName): Promise<Series> {
  const seconds = stage.size(60)
  const kinds = new Map<string, number>()
  const rates = await repeat(stage.options.runs, () =>
    stage.withTopic({}, async (topic) => {
      await using counter = await StatementCounter.before(database)
      const seen = { ...database, url: counter.url }
      // Awaited here, or the counter would be gone at once.
      return await stage.withRelay({ database: seen, driver, topic }, async () => {
        // The back-off reaches its end within half a second.
        await sleep(2_000)
        const before = counter.total
        counter.kinds.clear()
        await sleep(seconds * 1000)
        for (const [kind, count] of counter.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + count)
        return (counter.total - before) / seconds
      })
    }),
  )
  const all = seconds * stage.options.runs
  const parts = [...kinds]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${(count / all).toFixed(1)}`)
  return {
    bench: 'idle: awake',
    database: database.name,
    orm: null,
    driver,
    unit: 'statements/s',
    ceiling: null,
    aim: { of: 'value', most: 2 },
    pairs: rates.map((value) => ({ value, against: null })),
    note: `per second: ${parts.join(', ')}`,
  }
}

async function asleep(stage: Stage, database: BenchDatabase, driver: DriverName): Promise<Series> {
  const seconds = stage.size(20)
  const rates = await repeat(stage.options.runs, () =>
    stage.withTopic({}, async (topic) => {
      await using counter = await StatementCounter.before(database)
      const seen = { ...database, url: counter.url }
      return await stage.withRelay({ database: seen, driver, topic, sleepAfterMs: 500 }, async (relay) => {
        await relay.child.waitFor('asleep', 30_000)
        // What was said on the way to sleep.
        await sleep(500)
        const before = counter.total
        await sleep(seconds * 1000)
        return (counter.total - before) / seconds
      })
    }),
  )
  return {
    bench: 'idle: asleep',
    database: database.name,
    orm: null,
    driver,
    unit: 'statements/s',
    ceiling: null,
    aim: { of: 'value', most: 0 },
    pairs: rates.map((value) => ({ value, against: null })),
    note: 'with the option idle.sleepAfterMs',
  }
}
