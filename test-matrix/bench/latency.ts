import { Arrivals } from './arrivals.js'
import type { Bench } from './bench.js'
import { Child } from './child.js'
import type { BenchDatabase } from './database.js'
import type { Aim, Series } from './measurement.js'
import type { DriverName } from './options.js'
import type { Pace, PacerConfig, PacerLine } from './pacer-child.js'
import { alternate } from './runner.js'
import { runtimeFor, type Runtime } from './runtime.js'
import type { Stage } from './stage.js'
import { quantile } from './statistics.js'

const payloadBytes = 300

interface Case {
  readonly name: string
  readonly count: number
  readonly gapMs: number
  readonly aims: { readonly p50?: Aim; readonly p99?: Aim }
}

const most = (ms: number): Aim => ({ of: 'value', most: ms })

/** From the commit of an event to its arrival at a consumer. */
export const latency: Bench = {
  name: 'latency',
  title: 'from the commit to the consumer',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) yield* measure(stage, database, driver)
    }
  },
}

function casesOf(stage: Stage): Case[] {
  const paced = (rate: number, seconds: number, aims: Case['aims'] = {}): Case => ({
    name: `${rate.toLocaleString('en-US')} events/s`,
    count: Math.max(3, stage.size(seconds * rate)),
    gapMs: 1000 / rate,
    aims,
  })
  return [
    paced(1, 30),
    paced(10, 30),
    paced(100, 20),
    paced(1000, 20, { p50: most(5), p99: most(15) }),
    {
      name: 'first event after ten idle seconds',
      count: stage.options.quick ? 2 : 12,
      gapMs: stage.options.quick ? 2_000 : 10_000,
      aims: { p99: most(60) },
    },
  ]
}

async function* measure(stage: Stage, database: BenchDatabase, driver: DriverName): AsyncIterable<Series> {
  const brokers = await stage.brokers()
  const runtime = await runtimeFor(driver)
  const found: Series[] = []
  await stage.withTopic({}, (topic) =>
    stage.withRelay({ database, driver, topic }, async () => {
      const arrivals = await Arrivals.of(brokers, topic)
      const pacers = await Promise.all([
        startPacer({ to: { database: database.name, url: database.url }, payloadBytes }, runtime),
        startPacer({ to: { driver, brokers, topic }, payloadBytes }, runtime),
      ])
      try {
        const [outbox, direct] = pacers
        for (const pacer of pacers) await latencies(pacer, arrivals, { count: 500, gapMs: 2 })
        for (const one of casesOf(stage)) {
          const runs = await alternate(stage.options.runs, {
            value: () => latencies(outbox, arrivals, one),
            against: () => latencies(direct, arrivals, one),
          })
          for (const [label, share] of [
            ['p50', 0.5],
            ['p99', 0.99],
          ] as const)
            found.push({
              bench: `latency: ${one.name}, ${label}`,
              database: database.name,
              orm: null,
              driver,
              unit: 'ms',
              ceiling: 'sent at once by the same client, no outbox',
              aim: one.aims[label] ?? null,
              pairs: runs.map(({ value, against }) => ({
                value: quantile(value, share),
                against: quantile(against, share),
              })),
            })
        }
      } finally {
        await Promise.all(pacers.map((pacer) => pacer.child.end()))
        await arrivals.end()
      }
    }),
  )
  yield* found
}

interface Pacer {
  readonly child: Child<PacerLine>
  /** Answers that were taken already. */
  answers: number
}

async function startPacer(config: PacerConfig, runtime: Runtime): Promise<Pacer> {
  const child = await Child.start<PacerLine>('pacer-child', config, runtime)
  await child.waitFor('ready', 30_000)
  return { child, answers: 0 }
}

/** Milliseconds per event, in order. */
async function latencies(pacer: Pacer, arrivals: Arrivals, { count, gapMs }: Pace): Promise<number[]> {
  pacer.child.tell(JSON.stringify({ count, gapMs } satisfies Pace))
  const { events } = await pacer.child.nth('written', pacer.answers++, count * gapMs + 60_000)
  await arrivals.all(
    events.map(([id]) => id),
    60_000,
  )
  return events.map(([id, at]) => (arrivals.at.get(id) ?? NaN) - at)
}
