import { createTablesSql } from '@outboxkit/drizzle'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { freshSchema } from '../../../test-matrix/services/test-context.js'

test('the code of the README works', async () => {
  const place = await freshSchema(inject('postgresUrl'), 'drizzle_readme')
  onTestFinished(() => place.drop())
  for (const statement of createTablesSql('postgres')) await place.query(statement)
  await place.query('create table orders (id serial primary key, total integer not null)')
  vi.stubEnv('DATABASE_URL', place.url)
  const { db, placeOrder, outbox } = await import('../test/readme.example.js')
  onTestFinished(() => db.$client.end())

  expect(await placeOrder(12)).toBe(1)

  const rows = await db.select().from(outbox)
  expect(rows).toMatchObject([
    { type: 'order.placed', aggregateType: 'order', aggregateId: '1', payload: { total: 12 } },
  ])
})
