import { randomUUID } from 'node:crypto'
import type { OutboxTx } from '@outboxkit/drizzle'
import { and, eq, sql } from 'drizzle-orm'
import { channel } from '../config.js'
import { charge, type PaymentMethod } from '../payment.js'
import { db } from './db.js'
import { accounts, orders, type Order } from './schema.js'

export { close } from './db.js'

type Tx = OutboxTx<typeof db>

// Under MySQL's default, REPEATABLE READ, MariaDB 11.6 and newer refuses to change a row that somebody changed since
// our first read.
const readCommitted = { isolationLevel: 'read committed' } as const

/** The order and its event are written together, or not at all: a declined payment takes both back. */
export async function placeOrder(accountId: string, total: number, payment: PaymentMethod): Promise<Order> {
  await openAccount(accountId)
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
  }, readCommitted)
}

/** `undefined`: there is no such order, or it was cancelled before. */
export function cancelOrder(id: string): Promise<Order | undefined> {
  return db.transaction(async (tx) => {
    const [found] = await tx.select().from(orders).where(eq(orders.id, id))
    if (found === undefined) return undefined
    const version = await nextVersion(tx, found.accountId)
    const change = { status: 'cancelled', version, channel } as const
    const [{ affectedRows }] = await tx
      .update(orders)
      .set(change)
      .where(and(eq(orders.id, id), eq(orders.status, 'placed')))
    if (affectedRows === 0) return undefined
    await tx.emit({
      type: 'order.cancelled',
      aggregateId: found.accountId,
      payload: { orderId: id, version, channel },
    })
    return { ...found, ...change }
  }, readCommitted)
}

/** In a statement of its own: two transactions that both insert an account's first row can deadlock. */
async function openAccount(id: string): Promise<void> {
  await db.insert(accounts).ignore().values({ id, version: 0 })
}

/**
 * Counts the account's changes. Writing the account's row first locks it until the end of the transaction, and so
 * puts the events of an account into the order of its changes.
 */
async function nextVersion(tx: Tx, accountId: string): Promise<number> {
  await tx
    .update(accounts)
    .set({ version: sql`${accounts.version} + 1` })
    .where(eq(accounts.id, accountId))
  const [account] = await tx.select().from(accounts).where(eq(accounts.id, accountId))
  if (account === undefined) throw new Error(`there is no account ${accountId}`)
  return account.version
}
