import { createTablesSql } from '@outboxkit/core'
import { expect, inject, test, vi } from 'vitest'
import { freshSchema } from '../../../test-matrix/services/test-context.js'
import { generateClient } from './support/generate.js'
import { orderTables } from './support/schemas.js'
import { targets } from './support/targets.js'

interface Example {
  readonly db: { $disconnect(): Promise<void> }
  placeOrder(sku: string): Promise<{ id: number }>
}

test('the example of the README', async () => {
  await generateClient(targets['prisma 7, prisma-client'])
  const place = await freshSchema(inject('postgresUrl'), 'prisma_example')
  // The example's models are in Prisma's default schema: in `public`, so the tables cannot be in one of the test's own.
  const url = new URL(place.url)
  vi.stubEnv('DATABASE_URL', url.href)
  const log = vi.spyOn(console, 'log').mockReturnValue()
  for (const sql of [...createTablesSql('postgres'), ...orderTables]) await place.pool.query(sql)
  // Not a literal: the file needs the generated client, which is not there when this one is type-checked.
  const file = '../test-types/example.js'
  const { db, placeOrder } = (await import(file)) as Example
  const order = await placeOrder('book')
  expect(await place.query('select type, aggregateid from outbox')).toEqual([
    { type: 'order.placed', aggregateid: String(order.id) },
  ])
  expect(log).toHaveBeenCalledWith(`order ${order.id} is committed`)
  await db.$disconnect()
  await place.drop()
})
