import { assertCount, type Bench } from './bench.js'
import type { BenchDatabase } from './database.js'
import type { BenchEvent, EmitClient } from './emit-client.js'
import { drizzleMysqlClient } from './emit-drizzle-mysql.js'
import { drizzlePostgresClient } from './emit-drizzle.js'
import { knexClient } from './emit-knex.js'
import { prismaClient } from './emit-prisma.js'
import type { Pair, Series } from './measurement.js'
import type { OrmName } from './options.js'
import { repeat } from './runner.js'
import type { Stage } from './stage.js'
import { quantile } from './statistics.js'

// A and B take turns every so many transactions, so that a checkpoint or a noisy neighbour meets both.
const blockSize = 50
const warmUp = 200

/** `emit()` beside the same INSERT by hand, one connection, one transaction after the other. */
export const emit: Bench = {
  name: 'emit',
  title: 'emit() in a transaction, beside the same INSERT by hand',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const orm of stage.options.orms) {
        const client = await clientOf(orm, database)
        try {
          for await (const measured of cases(client, stage))
            yield { ...measured, database: database.name, orm }
        } finally {
          await client.end()
          await database.empty()
        }
      }
    }
  },
}

function clientOf(orm: OrmName, { name: database, url }: BenchDatabase): Promise<EmitClient> {
  const target = { database, url }
  if (orm === 'prisma') return prismaClient(target)
  if (orm === 'knex') return knexClient(target)
  return database === 'postgres' ? drizzlePostgresClient(target) : drizzleMysqlClient(target)
}

type Sides = Record<'emit' | 'byHand', () => Promise<void>>

async function* cases(client: EmitClient, stage: Stage): AsyncIterable<Series> {
  let order = 0
  const one = (): BenchEvent[] => [eventOf(order)]
  const ten = (): BenchEvent[] => Array.from({ length: 10 }, () => eventOf(order))
  const byHand = (events: () => BenchEvent[]) => () => client.byHand((order += 1), events())
  const sides: Record<string, Sides> = {
    'one event, awaited': { emit: () => client.emitted((order += 1), one()), byHand: byHand(one) },
    'one event, not awaited': {
      emit: () => client.unawaited((order += 1), eventOf(order)),
      byHand: byHand(one),
    },
    'ten events in one call': { emit: () => client.emitted((order += 1), ten()), byHand: byHand(ten) },
  }
  const transactions = stage.size(4_000)
  for (const [name, pair] of Object.entries(sides)) {
    await takeTurns(pair, warmUp)
    const runs = await repeat(stage.options.runs, () => takeTurns(pair, transactions))
    const cpu = (side: keyof Pair): string =>
      quantile(
        runs.map((run) => run.cpu[side] ?? NaN),
        0.5,
      ).toFixed(2)
    yield {
      bench: `emit: ${name}`,
      database: null,
      orm: null,
      driver: null,
      unit: 'ms/transaction',
      aim: { of: 'ratio', most: 1.05 },
      ceiling: 'the same INSERT by hand',
      pairs: runs.map(({ time }) => time),
      // What the application's own processor pays, whatever the database and the disk do meanwhile.
      note: `processor time of the application: ${cpu('value')} ms, by hand ${cpu('against')} ms`,
    }
  }
  assertCount(
    'transactions',
    order,
    Object.keys(sides).length * 2 * (warmUp + transactions * stage.options.runs),
  )
}

/** Blocks of both sides in turns; time and processor time per transaction. */
async function takeTurns(
  { emit: measured, byHand }: Sides,
  transactions: number,
): Promise<{ time: Pair; cpu: Pair }> {
  const sums = { emit: { ms: 0, cpu: 0 }, byHand: { ms: 0, cpu: 0 } }
  for (let done = 0, turn = 0; done < transactions; turn++) {
    const count = Math.min(blockSize, transactions - done)
    const order = turn % 2 === 0 ? (['emit', 'byHand'] as const) : (['byHand', 'emit'] as const)
    for (const side of order) {
      const startedAt = performance.now()
      const cpu = process.cpuUsage()
      for (let i = 0; i < count; i++) await (side === 'emit' ? measured() : byHand())
      const { user, system } = process.cpuUsage(cpu)
      sums[side].ms += performance.now() - startedAt
      sums[side].cpu += (user + system) / 1000
    }
    done += count
  }
  const per = (figure: 'ms' | 'cpu'): Pair => ({
    value: sums.emit[figure] / transactions,
    against: sums.byHand[figure] / transactions,
  })
  return { time: per('ms'), cpu: per('cpu') }
}

function eventOf(order: number): BenchEvent {
  return {
    aggregateType: 'bench',
    aggregateId: `key-${order % 1000}`,
    type: 'bench.made',
    payload: { number: order, text: 'x'.repeat(250) },
  }
}
