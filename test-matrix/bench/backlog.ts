import type { Bench } from './bench.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import type { Sides } from './runner.js'
import type { Stage } from './stage.js'

const payloadBytes = 300

/** Whether a large backlog, with an old snapshot held by somebody else, drains as fast as a small one. */
export const backlog: Bench = {
  name: 'backlog',
  title: 'a large backlog and an old snapshot, beside a small backlog',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) yield await measure(stage, database, driver)
    }
  },
}

async function measure(stage: Stage, database: BenchDatabase, driver: DriverName): Promise<Series> {
  const events = { large: stage.size(5_000_000), small: stage.size(100_000) }
  const { runs } = stage.options
  const small: number[] = []
  for (let run = 0; run < runs; run++) {
    await database.fill(events.small, payloadBytes)
    small.push(await drainRate(stage, database, driver, events.small))
    await database.empty()
  }
  // One table for all runs, from which each takes a part. The rows that have left stay dead in it for as long as
  // the snapshot is held, so each run finds more of them before the first living one.
  await database.fill(events.large, payloadBytes)
  const release = await database.holdSnapshot()
  const pairs: Sides<number>[] = []
  try {
    for (const against of small)
      pairs.push({
        value: await drainRate(stage, database, driver, Math.floor(events.large / (runs + 1))),
        against,
      })
  } finally {
    await release()
    await database.empty()
  }
  return {
    bench: `backlog: ${events.large.toLocaleString('en-US')} events, old snapshot held`,
    database: database.name,
    orm: null,
    driver,
    unit: 'events/s',
    ceiling: `${events.small.toLocaleString('en-US')} events`,
    aim: { of: 'ratio', least: 0.9 },
    pairs,
  }
}

/** Events per second from owning the lease until so many have left the table. */
function drainRate(
  stage: Stage,
  database: BenchDatabase,
  driver: DriverName,
  events: number,
): Promise<number> {
  const config = { 'retention.bytes': '1073741824', 'segment.bytes': '134217728' }
  return stage.withTopic(config, (topic) =>
    stage.withRelay({ database, driver, topic, until: events }, async (relay) => {
      const { ms } = await relay.drained(1_800_000)
      // It may have taken a few more than that by now.
      return (events / ms) * 1000
    }),
  )
}
