import { withOutbox } from '@outboxkit/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaClient } from './generated/prisma/client.js'

// Reads mysql:// and mariadb:// URLs; options of the connection are parameters, such as ?connectionLimit=10.
const adapter = new PrismaMariaDb(process.env.DATABASE_URL ?? '')
export const db = withOutbox(new PrismaClient({ adapter }))

export function placeOrder(sku: string) {
  return db.$transaction(async (tx) => {
    const order = await tx.order.create({ data: { sku, total: 12 } })
    await tx.emit({
      aggregateType: 'order',
      aggregateId: order.id,
      type: 'order.placed',
      payload: { total: 12 },
    })
    return order
  })
}
