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

/** The order and its event are written together, or not at all: a declined payment takes both back. */
export function placeOrder(accountId: string, total: number, payment: PaymentMethod): Promise<Order> {
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
  })
}

/** `undefined`: there is no such order, or it was cancelled before. */
export function cancelOrder(id: string): Promise<Order | undefined> {
  return db.transaction(async (trx) => {
    const found = await trx<Order>('orders').where({ id }).first()
    if (found === undefined) return undefined
    const version = await nextVersion(trx, found.account_id)
    const [order] = await trx<Order>('orders')
      .where({ id, status: 'placed' })
      .update({ status: 'cancelled', version, channel })
      .returning('*')
    if (order === undefined) return undefined
    await trx.emit({
      type: 'order.cancelled',
      aggregateId: order.account_id,
      payload: { orderId: id, version, channel },
    })
    return order
  })
}

/**
 * Counts the account's changes. Writing the account's row first locks it until the end of the transaction, and so
 * puts the events of an account into the order of its changes.
 */
async function nextVersion(trx: Tx, accountId: string): Promise<number> {
  const [account] = await trx('accounts')
    .insert({ id: accountId, version: 1 })
    .onConflict('id')
    .merge({ version: trx.raw('accounts.version + 1') })
    .returning<{ version: number }[]>('version')
  if (account === undefined) throw new Error(`account ${accountId} was not written`)
  return account.version
}
