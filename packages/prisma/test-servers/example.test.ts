import { createTablesSql } from '@outboxkit/core'
import pg from 'pg'
import { expect, inject, test, vi } from 'vitest'
import { uniqueName } from '../../../test-matrix/services/test-context.js'
import { generateClient } from './support/generate.js'
import { orderTables } from './support/schemas.js'
import { targets } from './support/targets.js'

interface Example {
  readonly db: { $disconnect(): Promise<void> }
  readonly placeOrder: (sku: string) => Promise<{ id: number }>
}

/** The example knows no schema but the default one, so it needs a database of its own. */
async function freshDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
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
  const { url, drop } = await freshDatabase()
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
