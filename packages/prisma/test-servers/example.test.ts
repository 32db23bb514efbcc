import { createTablesSql } from '@outboxkit/core'
import pg from 'pg'
import { afterEach, expect, inject, test, vi } from 'vitest'
import { freshDatabase, uniqueName } from '../../../test-matrix/services/test-context.js'
import { generateClient } from './support/generate.js'
import { mysqlOrderTables, orderTables } from './support/schemas.js'
import { mysqlServers, targets } from './support/targets.js'

interface Example {
  readonly db: { $disconnect(): Promise<void> }
  readonly placeOrder: (sku: string) => Promise<{ id: number }>
}

afterEach(() => vi.unstubAllEnvs())

/** The example knows no schema but the default one, so it needs a database of its own. */
async function freshPostgres(): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = new pg.Client(inject('postgresUrl'))
  await server.connect()
  const name = uniqueName('prisma_example')
  await server.query(`create database ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = name
  const drop = async (): Promise<void> => {
    await server.query(`drop database ${name} with (force)`)
    await server.end()
  }
  return { url: url.href, drop }
}

test('the example of the README', async () => {
  await generateClient(targets['prisma 7, prisma-client'])
  const { url, drop } = await freshPostgres()
  const oracle = new pg.Client(url)
  await oracle.connect()
  for (const sql of [...createTablesSql('postgres'), ...orderTables]) await oracle.query(sql)
  vi.stubEnv('DATABASE_URL', url)
  const log = vi.spyOn(console, 'log').mockReturnValue()

  // Not a literal: the file needs the generated client, which is not there when this one is type-checked.
  const file = '../test-types/example.js'
  const { db, placeOrder } = (await import(file)) as Example
  const order = await placeOrder('book')
  const { rows } = await oracle.query('select type, aggregateid from outbox')
  expect(rows).toEqual([{ type: 'order.placed', aggregateid: String(order.id) }])
  expect(log).toHaveBeenCalledWith(`order ${order.id} is committed`)

  await db.$disconnect()
  await oracle.end()
  await drop()
})

test.for(mysqlServers)('the example of the README for MySQL, on $name', async ({ key }) => {
  await generateClient(targets['prisma 7, prisma-client, mysql'])
  const database = await freshDatabase(inject(key), 'prisma_example')
  for (const sql of [...createTablesSql('mysql'), ...mysqlOrderTables]) await database.query(sql)
  vi.stubEnv('DATABASE_URL', database.url)
  vi.resetModules()

  const file = '../test-types/mysql/example.js'
  const { db, placeOrder } = (await import(file)) as Example
  const order = await placeOrder('book')
  const rows = await database.query('select type, aggregateid from outbox')
  expect(rows).toEqual([{ type: 'order.placed', aggregateid: String(order.id) }])

  await db.$disconnect()
  await database.drop()
})
