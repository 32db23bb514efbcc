import { randomUUID } from 'node:crypto'
import type { OutboxTx } from '@outboxkit/knex'
import { channel } from './config.js'
import { db } from './db.js'
import { charge, type PaymentMethod } from './payment.js'

type Tx = OutboxTx<typeof db>

export interface Order {
  id: string
  account_id: string
  version: number
  status: 'placed' | 'cancelled'
  total: number
  channel: string
}

// Under MySQL's default, REPEATABLE READ, MariaDB 11.6 and newer refuses to change a row that somebody changed since
// our first read.
const readCommitted = { isolationLevel: 'read committed' } as const

/** The order and its event are written together, or not at all: a declined payment takes both back. */
export async function placeOrder(accountId: string, total: number, payment: PaymentMethod): Promise<Order> {
  await openAccount(accountId)
  return db.transaction(async (trx) => {
    const version = await nextVersion(trx, accountId)
    const order: Order = {
      id: randomUUID(),
      account_id: accountId,
      version,
      status: 'placed',
      total,
      channel,
    }
    await trx<Order>('orders').insert(order)
    await trx.emit({
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
  return db.transaction(async (trx) => {
    const found = await trx<Order>('orders').where({ id }).first()
    if (found === undefined) return undefined
    const version = await nextVersion(trx, found.account_id)
    const change = { status: 'cancelled', version, channel } as const
    const changed = await trx<Order>('orders').where({ id, status: 'placed' }).update(change)
    if (changed === 0) return undefined
    await trx.emit({
      type: 'order.cancelled',
      aggregateId: found.account_id,
      payload: { orderId: id, version, channel },
    })
    return { ...found, ...change }
  }, readCommitted)
}

/** In a statement of its own: two transactions that both insert an account's first row can deadlock on MySQL. */
async function openAccount(id: string): Promise<void> {
  await db('accounts').insert({ id, version: 0 }).onConflict('id').ignore()
}

/**
 * Counts the account's changes. Writing the account's row first locks it until the end of the transaction, and so
 * puts the events of an account into the order of its changes.
 */
async function nextVersion(trx: Tx, accountId: string): Promise<number> {
  await trx('accounts').where({ id: accountId }).increment('version')
  const account = await trx('accounts').where({ id: accountId }).first<{ version: number }>('version')
  return account.version
}
