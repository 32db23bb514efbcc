import { randomUUID } from 'node:crypto'
import type { OutboxTx } from '@outboxkit/prisma'
import { channel } from '../config.js'
import type { Order } from '../generated/mysql/client.js'
import { charge, type PaymentMethod } from '../payment.js'
import { db } from './db.js'

export { close } from './db.js'

type Tx = OutboxTx<typeof db>

/** The order and its event are written together, or not at all: a declined payment takes both back. */
export async function placeOrder(accountId: string, total: number, payment: PaymentMethod): Promise<Order> {
  await openAccount(accountId)
  return db.$transaction(async (tx) => {
    const version = await nextVersion(tx, accountId)
    const order = await tx.order.create({
      data: { id: randomUUID(), accountId, version, status: 'placed', total, channel },
    })
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
  return db.$transaction(async (tx) => {
    const found = await tx.order.findUnique({ where: { id } })
    if (found === null) return undefined
    const version = await nextVersion(tx, found.accountId)
    const change = { status: 'cancelled', version, channel }
    const { count } = await tx.order.updateMany({ where: { id, status: 'placed' }, data: change })
    if (count === 0) return undefined
    await tx.emit({
      type: 'order.cancelled',
      aggregateId: found.accountId,
      payload: { orderId: id, version, channel },
    })
    return { ...found, ...change }
  })
}

/** In a statement of its own: two transactions that both insert an account's first row can deadlock. */
async function openAccount(id: string): Promise<void> {
  await db.account.createMany({ data: { id, version: 0 }, skipDuplicates: true })
}

/**
 * Counts the account's changes. Writing the account's row first locks it until the end of the transaction, and so
 * puts the events of an account into the order of its changes.
 */
async function nextVersion(tx: Tx, accountId: string): Promise<number> {
  const { version } = await tx.account.update({
    where: { id: accountId },
    data: { version: { increment: 1 } },
  })
  return version
}
