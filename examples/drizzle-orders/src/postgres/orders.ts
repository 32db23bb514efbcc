import { randomUUID } from 'node:crypto'
import type { OutboxTx } from '@outboxkit/drizzle'
import { and, eq, sql } from 'drizzle-orm'
import { channel } from '../config.js'
import { charge, type PaymentMethod } from '../payment.js'
import { db } from './db.js'
import { accounts, orders, type Order } from './schema.js'

export { close } from './db.js'

type Tx = OutboxTx<typeof db>

/** The order and its event are written together, or not at all: a declined payment takes both back. */
export function placeOrder(accountId: string, total: number, payment: PaymentMethod): Promise<Order> {
  return db.transaction(async (tx) => {
    const version = await nextVersion(tx, accountId)
    const order: Order = { id: randomUUID(), accountId, version, status: 'placed', total, channel }
    await tx.insert(orders).values(order)
    await tx.emit({
      type: 'order.placed',
      aggregateId: accountId,
      payload: { orderId: order.id, version, total, channel },
    })
    await charge(payment)
    return order
  })
}

/** `undefined`: there is no such order, or it was cancelled before. */
export function cancelOrder(id: string): Promise<Order | undefined> {
  return db.transaction(async (tx) => {
    const [found] = await tx.select().from(orders).where(eq(orders.id, id))
    if (found === undefined) return undefined
    const version = await nextVersion(tx, found.accountId)
    const [order] = await tx
      .update(orders)
      .set({ status: 'cancelled', version, channel })
      .where(and(eq(orders.id, id), eq(orders.status, 'placed')))
      .returning()
    if (order === undefined) return undefined
    await tx.emit({
      type: 'order.cancelled',
      aggregateId: order.accountId,
      payload: { orderId: id, version, channel },
    })
    return order
  })
}

/**
 * Counts the account's changes. Writing the account's row first locks it until the end of the transaction, and so
 * puts the events of an account into the order of its changes.
 */
async function nextVersion(tx: Tx, accountId: string): Promise<number> {
  const [account] = await tx
    .insert(accounts)
    .values({ id: accountId, version: 1 })
    .onConflictDoUpdate({ target: accounts.id, set: { version: sql`${accounts.version} + 1` } })
    .returning({ version: accounts.version })
  if (account === undefined) throw new Error(`account ${accountId} was not written`)
  return account.version
}
