// The code of the README; test-servers/readme.test.ts runs it.
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, serial } from 'drizzle-orm/pg-core'
// #region use
import { withOutbox } from '@outboxkit/drizzle'

export const db = withOutbox(drizzle(process.env['DATABASE_URL'] ?? ''))

export async function placeOrder(total: number): Promise<number | undefined> {
  return db.transaction(async (tx) => {
    const [order] = await tx.insert(orders).values({ total }).returning()
    if (order === undefined) return undefined
    await tx.emit({ type: 'order.placed', aggregateType: 'order', aggregateId: order.id, payload: { total } })
    return order.id
  })
}
// #endregion
// #region tables
// in the file that drizzle-kit knows as your schema
import { outboxTables } from '@outboxkit/drizzle'

export const { outbox, outboxLease, outboxHeld } = outboxTables()
// #endregion
export const orders = pgTable('orders', { id: serial('id').primaryKey(), total: integer('total').notNull() })
