import { pathToFileURL } from 'node:url'
import { withOutbox as withDrizzle } from '@outboxkit/drizzle'
import { withOutbox } from '@outboxkit/knex'
import { withOutbox as withPrisma } from '@outboxkit/prisma'
import { outboxMetrics, type QueryTarget } from '@outboxkit/relay'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as mysqlDrizzle } from 'drizzle-orm/mysql2'
import { drizzle } from 'drizzle-orm/node-postgres'
import { knex } from 'knex'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createOutbox, type OutboxTables } from '../../packages/cli/test-servers/worker-support.js'
import { generatePrisma } from '../workload/clients/generate-prisma.js'

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
