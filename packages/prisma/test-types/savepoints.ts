// Compiled against Prisma 7.5 and later only, whose transactions can be nested.
import { defineEvents, typed, withOutbox, type OutboxTx } from '@outboxkit/prisma'
import type { Prisma, PrismaClient } from 'client-under-test'

declare const base: PrismaClient
const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ orderId: number }>() },
})
const db = withOutbox(base, { events })
const placed = { type: 'order.placed', aggregateId: 1, payload: { orderId: 1 } } as const
type Tx = OutboxTx<typeof db>

export async function nested(): Promise<void> {
  const service = (tx: Tx): Promise<string> => tx.emit(placed)
  const legacy = (tx: Prisma.TransactionClient): Promise<number> => tx.order.count()
  await db.$transaction(async (tx) => {
    const id: string = await tx.$transaction(async (inner) => {
      await inner.$transaction(async (innermost) => [await innermost.emit(placed), await legacy(innermost)])
      // @ts-expect-error -- the catalogue counts here as well
      await inner.emit({ type: 'order.nope', aggregateId: 1, payload: {} })
      return service(inner)
    })
    await tx.$transaction(service)
    return id
  })
}
