import { withOutbox, type OutboxTx } from '@outboxkit/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/prisma/client.js'

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })
export const db = withOutbox(new PrismaClient({ adapter }))

export function placeOrder(sku: string) {
  return db.$transaction(async (tx) => {
    const order = await tx.order.create({ data: { sku, total: 12 } })
    await announce(tx, order.id)
    tx.afterCommit(() => console.log(`order ${order.id} is committed`))
    return order
  })
}

async function announce(tx: OutboxTx<typeof db>, aggregateId: number) {
  await tx.emit({ aggregateType: 'order', aggregateId, type: 'order.placed', payload: { total: 12 } })
}
