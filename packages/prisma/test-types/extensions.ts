// Not for the generator prisma-client-js, see Extends.
import { defineEvents, emitOperation, typed, withOutbox, type OutboxTx } from '@outboxkit/prisma'
import { Prisma, type PrismaClient } from 'client-under-test'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isTrue = <T extends true>(): T | undefined => undefined

declare const base: PrismaClient
const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ orderId: number }>() },
})
const db = withOutbox(base, { events })
const placed = { type: 'order.placed', aggregateId: 1, payload: { orderId: 1 } } as const

export async function extendedAfterwards(): Promise<void> {
  const extended = db.$extends({
    model: {
      $allModels: { exists: async <T>(_this: T): Promise<boolean> => true },
      order: { special: () => 1 as const },
    },
    client: { hello: () => 2 as const },
    query: { order: { findMany: ({ args, query }) => query({ ...args, take: 1 }) } },
    result: { order: { label: { needs: { sku: true }, compute: (order) => `${order.sku}!` } } },
  })
  const again = extended.$extends({ model: { item: { third: () => 3 as const } } })
  isTrue<Equal<ReturnType<typeof extended.hello>, 2>>()
  await again.$transaction(async (tx) => {
    await tx.emit(placed)
    // @ts-expect-error -- the catalogue still counts
    await tx.emit({ type: 'order.nope', aggregateId: 1, payload: {} })
    isTrue<Equal<ReturnType<typeof tx.order.special>, 1>>()
    isTrue<Equal<ReturnType<typeof tx.item.third>, 3>>()
    await tx.item.exists(1)
    const order = await tx.order.findFirstOrThrow()
    isTrue<Equal<typeof order.label, string>>()
    // @ts-expect-error -- an unknown column is still an error
    await tx.order.findFirst({ where: { nope: 1 } })
  })
  type Tx = OutboxTx<typeof again>
  const service = async (tx: Tx): Promise<string> => tx.emit(placed)
  await again.$transaction((tx) => service(tx))
  await again.$transaction([again.item.count(), emitOperation(again, placed)])
  const fromFunction = db.$extends(
    Prisma.defineExtension((client) => client.$extends({ model: { order: { fn: () => 2 as const } } })),
  )
  await fromFunction.$transaction(async (tx) => [await tx.emit(placed), tx.order.fn()])
}
