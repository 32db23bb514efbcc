// Compiled, never run: `client-under-test` is a generated client, see tsconfig.*.json.
import { createEmit, defineEvents, emitOperation, typed, withOutbox, type OutboxTx } from '@outboxkit/prisma'
import type { Prisma, PrismaClient } from 'client-under-test'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isTrue = <T extends true>(): T | undefined => undefined

declare const base: PrismaClient
const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ orderId: number }>() },
  'order.cancelled': { aggregateType: 'order', payload: typed<{ reason: string }>() },
})
const db = withOutbox(base, { events })
const placed = { type: 'order.placed', aggregateId: 1, payload: { orderId: 1 } } as const
const legacy = async (tx: Prisma.TransactionClient): Promise<number> => tx.order.count()

export async function emits(): Promise<void> {
  const order = await db.$transaction(
    async (tx) => {
      const created = await tx.order.create({ data: { sku: 'x' }, include: { items: true } })
      created.items[0]?.name.toUpperCase()
      const id = await tx.emit(placed)
      const ids = await tx.emit([
        placed,
        { type: 'order.cancelled', aggregateId: null, payload: { reason: 'x' } },
      ])
      isTrue<Equal<typeof id, string>>()
      isTrue<Equal<typeof ids, string[]>>()
      tx.afterCommit(() => created.id)
      return created
    },
    { isolationLevel: 'Serializable', timeout: 1000 },
  )
  isTrue<Equal<typeof order.sku, string>>()
}

export async function refuses(): Promise<void> {
  await db.$transaction(async (tx) => {
    // @ts-expect-error -- an unknown column is still an error
    await tx.order.create({ data: { nope: 1 } })
    // @ts-expect-error -- the payload of another event
    await tx.emit({ type: 'order.placed', aggregateId: 1, payload: { reason: 'x' } })
    // @ts-expect-error -- not in the catalogue
    await tx.emit({ type: 'order.nope', aggregateId: 1, payload: { orderId: 1 } })
    // @ts-expect-error -- no aggregate id
    await tx.emit({ type: 'order.placed', payload: { orderId: 1 } })
    // @ts-expect-error -- a wrong one in a list
    await tx.emit([placed, { type: 'order.nope', aggregateId: 1, payload: {} }])
    // @ts-expect-error -- the aggregate type of another event
    await tx.emit({ ...placed, aggregateType: 'customer' })
  })
  // @ts-expect-error -- no transaction
  db.emit(placed)
  // @ts-expect-error -- not in the catalogue
  void emitOperation(db, { type: 'order.nope', aggregateId: 1, payload: { orderId: 1 } })
  // @ts-expect-error -- not wrapped: no events are known of it, and at run time it is an error
  db.outbox.emit(placed)
  // @ts-expect-error -- no such option
  withOutbox(base, { evnets: events })
  // @ts-expect-error -- no such option
  createEmit({ evnets: events })
  // @ts-expect-error -- no such provider
  withOutbox(base, { provider: 'sqlite' })
  await withOutbox(base).$transaction(async (tx) => {
    // @ts-expect-error -- without a catalogue an event needs its aggregate type
    await tx.emit(placed)
    await tx.emit({ ...placed, aggregateType: 'order' })
  })
}

export async function staysPrisma(): Promise<void> {
  const client: PrismaClient = db
  await client.$connect()
  await db.$transaction(async (tx) => {
    const plain: Prisma.TransactionClient = tx
    await plain.order.count()
    await legacy(tx)
  })
  const [count, id, ids] = await db.$transaction([
    db.order.count(),
    emitOperation(db, placed),
    emitOperation(db, [placed]),
  ])
  isTrue<Equal<typeof count, number>>()
  isTrue<Equal<typeof id, string>>()
  isTrue<Equal<typeof ids, string[]>>()
}

export async function names(): Promise<void> {
  type Tx = OutboxTx<typeof db>
  type Written = Parameters<Parameters<typeof db.$transaction>[0]>[0]
  const one = async (tx: Tx): Promise<string> => tx.emit(placed)
  const two = async (tx: Written): Promise<string> => tx.emit(placed)
  await db.$transaction(async (tx) => [await one(tx), await two(tx)])
  await db.$transaction(one)
  // @ts-expect-error -- a transaction without emit is none of ours
  await base.$transaction(one)
}

export async function extendedByFunction(): Promise<void> {
  const extended = db.$extends((client) =>
    client.$extends({
      model: { item: { third: () => 3 as const } },
      result: { order: { label: { needs: { sku: true }, compute: (order) => `${order.sku}!` } } },
    }),
  )
  await extended.$transaction(async (tx) => {
    await tx.emit(placed)
    // @ts-expect-error -- the catalogue still counts
    await tx.emit({ type: 'order.nope', aggregateId: 1, payload: {} })
    isTrue<Equal<ReturnType<typeof tx.item.third>, 3>>()
    const order = await tx.order.findFirstOrThrow()
    isTrue<Equal<typeof order.label, string>>()
  })
}

export async function extendedBefore(): Promise<void> {
  const wrapped = withOutbox(base.$extends({ model: { item: { third: () => 3 as const } } }), {
    events,
    ambient: true,
  })
  await wrapped.$transaction(async (tx) => {
    isTrue<Equal<ReturnType<typeof tx.item.third>, 3>>()
    await tx.emit(placed)
    await wrapped.outbox.emit(placed)
    // @ts-expect-error -- the catalogue counts here as well
    await wrapped.outbox.emit({ type: 'order.nope', aggregateId: 1, payload: {} })
  })
}

export async function functionForm(): Promise<void> {
  const emit = createEmit({ events })
  await base.$transaction(async (tx) => {
    const id = await emit(tx, placed)
    const ids = await emit(tx, [placed])
    isTrue<Equal<typeof id, string>>()
    isTrue<Equal<typeof ids, string[]>>()
    // @ts-expect-error -- the payload of another event
    await emit(tx, { type: 'order.placed', aggregateId: 1, payload: { reason: 'x' } })
  })
  await db.$transaction((tx) => emit(tx, placed))
}
