// Relational queries of Drizzle 1.0.
import { defineRelations } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, serial, text } from 'drizzle-orm/pg-core'
import { expectTypeOf, test } from 'vitest'
import { withOutbox } from '@outboxkit/drizzle'

const orders = pgTable('orders', { id: serial('id').primaryKey(), sku: text('sku').notNull() })
const items = pgTable('items', {
  id: serial('id').primaryKey(),
  orderId: integer('order_id'),
  name: text('name'),
})
const relations = defineRelations({ orders, items }, (r) => ({
  orders: { items: r.many.items({ from: r.orders.id, to: r.items.orderId }) },
  items: { order: r.one.orders({ from: r.items.orderId, to: r.orders.id }) },
}))

const db = withOutbox(drizzle('postgres://unused', { relations }))

test('relational queries keep their types', () => {
  type Found = { id: number; sku: string; items: { name: string | null }[] }[]
  const query = { with: { items: { columns: { name: true } } } } as const
  expectTypeOf(db.query.orders.findMany(query)).resolves.toEqualTypeOf<Found>()
  void db.transaction(async (tx) => {
    expectTypeOf(tx.query.orders.findMany(query)).resolves.toEqualTypeOf<Found>()
    await tx.transaction(async (nested) => {
      expectTypeOf(nested.query.orders.findMany(query)).resolves.toEqualTypeOf<Found>()
    })
  })
})
