import { pathToFileURL } from 'node:url'
import { withOutbox as withDrizzle } from '@outboxkit/drizzle'
import { withOutbox } from '@outboxkit/knex'
import { withOutbox as withPrisma } from '@outboxkit/prisma'
import { createRelay, outboxMetrics, type QueryTarget } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as mysqlDrizzle } from 'drizzle-orm/mysql2'
import { drizzle } from 'drizzle-orm/node-postgres'
import { knex } from 'knex'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { metricsPage, placeOrder, placeOrderRemotely, publishOnce } from '../../../docs/examples/worker.js'
import { generatePrisma } from '../../../test-matrix/workload/clients/generate-prisma.js'
import { createTopic, readTopic } from '../../../test-matrix/services/test-context.js'
import { createOutbox, eventually, startWorker, type OutboxTables } from './worker-support.js'

const closers: (() => Promise<unknown>)[] = []
let postgres: OutboxTables
let mysql: OutboxTables

beforeAll(async () => {
  postgres = await createOutbox(inject('postgresUrl'))
  mysql = await createOutbox(inject('mysqlUrl'))
  closers.push(
    () => postgres.drop(),
    () => mysql.drop(),
  )
})
afterAll(async () => {
  for (const close of closers.toReversed()) await close()
})

function knexOn(client: string, url: string): ReturnType<typeof withOutbox> {
  const db = knex({ client, connection: url })
  closers.push(() => db.destroy())
  return withOutbox(db)
}

const isEmpty = async (): Promise<boolean> => (await postgres.query('select 1 from outbox')).length === 0

describe('docs/examples/worker.ts', () => {
  it('a commit wakes a sleeping relay in the same process', async () => {
    const relay = createRelay({
      source: postgresSource({ url: postgres.url, onWarning: () => undefined }),
      publisher: memoryPublisher(),
      idle: { sleepAfterMs: 50, wakeEveryMs: 3_600_000 },
    })
    closers.push(() => relay.stop())
    await relay.start()
    await eventually(() => relay.state === 'asleep')
    await placeOrder(knexOn('pg', postgres.url), relay, '1')
    await eventually(isEmpty)
    expect(relay.metrics()).toMatchObject({ published: 1, sleeps: expect.any(Number) })
    await relay.stop()
  })

  it('a commit wakes a sleeping worker', async () => {
    const topic = await createTopic(inject('kafkaBrokers'), 'outbox.event.order').catch(
      () => 'outbox.event.order',
    )
    const worker = await startWorker({
      OUTBOXKIT_DATABASE_URL: postgres.url,
      OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
      OUTBOXKIT_IDLE_SLEEP_AFTER_MS: '50',
    })
    const before = (await readTopic(inject('kafkaBrokers'), topic)).length
    await worker.line('asleep')
    const { url } = await worker.line('listening')
    await placeOrderRemotely(knexOn('pg', postgres.url), String(url), '2')
    await readTopic(inject('kafkaBrokers'), topic, { count: before + 1 })
    await eventually(isEmpty)
    expect(await worker.stop()).toBe(0)
  })

  it('one pass publishes what is there', async () => {
    await postgres.insert(5)
    const source = postgresSource({ url: postgres.url, onWarning: () => undefined })
    expect(await publishOnce(source, memoryPublisher())).toBe(5)
    expect(await isEmpty()).toBe(true)
  })

  it('an application shows the gauges of the worker', async () => {
    await postgres.insert(3)
    expect(await metricsPage(knexOn('pg', postgres.url))).toContain(
      'outboxkit_backlog_rows{outbox="default"} 3\n',
    )
  })
})

describe('outboxMetrics(db)', () => {
  const pool = (): pg.Pool => {
    const made = new pg.Pool({ connectionString: postgres.url })
    closers.push(() => made.end())
    return made
  }
  const mysqlPool = (): ReturnType<typeof createPool> => {
    const made = createPool(mysql.url)
    closers.push(() => made.end())
    return made
  }

  const prismaClient = async (): Promise<QueryTarget> => {
    const { PrismaClient } = (await import(pathToFileURL(generatePrisma('postgresql')).href)) as {
      PrismaClient: new (options: object) => {
        $disconnect(): Promise<void>
        $extends(extension: object): unknown
      }
    }
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: postgres.url }) })
    closers.push(() => client.$disconnect())
    return withPrisma(client as never) as unknown as QueryTarget
  }

  it.each([
    ['pg', 'postgres', pool],
    ['Drizzle on PostgreSQL', 'postgres', () => withDrizzle(drizzle(pool()))],
    ['Knex on PostgreSQL', 'postgres', () => knexOn('pg', postgres.url)],
    ['Prisma on PostgreSQL', 'postgres', prismaClient],
    ['mysql2', 'mysql', mysqlPool],
    ['Drizzle on MySQL', 'mysql', () => withDrizzle(mysqlDrizzle(mysqlPool()))],
    ['Knex on MySQL', 'mysql', () => knexOn('mysql2', mysql.url)],
  ] as const)('takes a handle of %s', async (_, dialect, handle) => {
    await (dialect === 'postgres' ? postgres : mysql).query('delete from outbox')
    await (dialect === 'postgres' ? postgres : mysql).insert(2)
    const db: QueryTarget = await handle()
    expect((await outboxMetrics(db, { dialect })).backlog).toMatchObject({ rows: 2, atLeast: false })
  })
})
