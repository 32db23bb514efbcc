/* oxlint-disable vitest/expect-expect -- the compiler is what asserts here */
import {
  createEmit,
  defineEvents,
  typed,
  withOutbox,
  type OutboxEvent,
  type OutboxTransaction,
  type OutboxTx,
} from '@outboxkit/knex'
import type { Knex } from 'knex'
import { expectTypeOf, test } from 'vitest'

interface Order {
  id: number
  sku: string
}

declare module 'knex/types/tables.js' {
  interface Tables {
    typed_orders: Order
  }
}

declare const plain: Knex
const db = withOutbox(plain)
const good: OutboxEvent = { aggregateType: 'order', aggregateId: 1, type: 'a', payload: {} }

const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ total: number }>() },
  'order.cancelled': { aggregateType: 'order', payload: typed<{ reason: string }>() },
})
const shop = withOutbox(plain, { events })

test('every form of transaction() gives a handle with emit and afterCommit', () => {
  type Trx = OutboxTransaction
  void (async () => {
    const result = await db.transaction(async (trx) => {
      expectTypeOf(trx).toEqualTypeOf<Trx>()
      await trx.transaction(async (nested) => expectTypeOf(nested).toEqualTypeOf<Trx>())
      await trx.savepoint(async (nested) => expectTypeOf(nested).toEqualTypeOf<Trx>())
      expectTypeOf(await trx.transaction()).toEqualTypeOf<Trx>()
      return 5
    })
    expectTypeOf(result).toEqualTypeOf<number>()
    expectTypeOf(await db.transaction()).toEqualTypeOf<Trx>()
    expectTypeOf(await db.transaction({ isolationLevel: 'serializable' })).toEqualTypeOf<Trx>()
    expectTypeOf(await db.transaction(null, { readOnly: true })).toEqualTypeOf<Trx>()
    expectTypeOf(await db.transactionProvider()()).toEqualTypeOf<Trx>()
  })
})

test('the lines that everybody writes keep emit', () => {
  type ByHand = Parameters<Parameters<typeof db.transaction>[0]>[0]
  expectTypeOf<ByHand>().toEqualTypeOf<OutboxTransaction>()
  expectTypeOf<OutboxTx<typeof db>>().toEqualTypeOf<OutboxTransaction>()
  expectTypeOf<OutboxTx<typeof shop>>().not.toEqualTypeOf<OutboxTransaction>()
})

test("the handles fit Knex' own types", () => {
  const query = async (trx: Knex.Transaction): Promise<unknown> => trx('typed_orders').select()
  const queryAnywhere = async (any: Knex): Promise<unknown> => any('typed_orders').select()
  void (async () => {
    await queryAnywhere(db)
    await queryAnywhere(shop)
    await shop.transaction(async (trx) => {
      await query(trx)
      await queryAnywhere(trx)
      const rows = await trx('typed_orders').insert({ sku: 'x' }).returning('*')
      expectTypeOf(rows[0]).toEqualTypeOf<Order | undefined>()
    })
  })
  expectTypeOf(db).toExtend<Knex>()
  expectTypeOf<OutboxTransaction>().toExtend<Knex.Transaction>()
})

test('emit gives an id, or ids', () => {
  const run = async (trx: OutboxTx<typeof db>): Promise<void> => {
    expectTypeOf(await trx.emit(good)).toEqualTypeOf<string>()
    expectTypeOf(await trx.emit([good])).toEqualTypeOf<string[]>()
    trx.afterCommit(async () => 1)
    // @ts-expect-error a hook is a function
    trx.afterCommit('hook')
    // @ts-expect-error no type
    void trx.emit({ aggregateType: 'order', aggregateId: 1, payload: {} })
    // @ts-expect-error no aggregate id; null says that there is none
    void trx.emit({ aggregateType: 'order', type: 'a', payload: {} })
    await trx.emit({ ...good, aggregateId: null })
    // @ts-expect-error no aggregate id is a Date
    void trx.emit({ ...good, aggregateId: new Date() })
    // @ts-expect-error headers are strings
    void trx.emit({ ...good, headers: { a: 1 } })
    // @ts-expect-error no such field
    void trx.emit({ aggregateType: 'order', aggregateId: 1, type: 'a', payload: {}, key: 'k' })
  }
  void run
})

test('with a catalogue, exactly its events', () => {
  const run = async (trx: OutboxTx<typeof shop>): Promise<void> => {
    const placed = { type: 'order.placed', aggregateId: 1, payload: { total: 1 } } as const
    expectTypeOf(await trx.emit(placed)).toEqualTypeOf<string>()
    await trx.emit([placed, { type: 'order.cancelled', aggregateId: null, payload: { reason: 'x' } }])
    await trx.transaction((nested) => nested.emit(placed))
    // @ts-expect-error another event's payload
    void trx.emit({ type: 'order.placed', aggregateId: 1, payload: { reason: 'x' } })
    // @ts-expect-error an unknown type
    void trx.emit({ type: 'order.lost', aggregateId: 1, payload: {} })
    // @ts-expect-error another aggregate type
    void trx.emit({ ...placed, aggregateType: 'customer' })
    // @ts-expect-error no aggregate id
    void trx.emit({ type: 'order.placed', payload: { total: 1 } })
    // @ts-expect-error one wrong event among others
    void trx.emit([placed, { type: 'order.cancelled', aggregateId: 1, payload: { total: 1 } }])
  }
  void run
})

test('outside a transaction there is no emit for events', () => {
  const outside = (): void => {
    // @ts-expect-error only transactions emit
    void db.emit(good)
    // @ts-expect-error only under ambient: true
    void db.outbox
  }
  void outside
})

test('the ambient form is there when it was asked for', () => {
  const ambient = withOutbox(plain, { events, ambient: true })
  const run = async (): Promise<void> => {
    expectTypeOf(
      await ambient.outbox.emit({ type: 'order.placed', aggregateId: 1, payload: { total: 1 } }),
    ).toEqualTypeOf<string>()
    // @ts-expect-error an unknown type
    void ambient.outbox.emit({ type: 'order.lost', aggregateId: 1, payload: {} })
  }
  void run
})

test('the function form takes every handle of Knex, and the events of its options', () => {
  const emit = createEmit()
  const emitShop = createEmit({ events })
  const run = async (trx: Knex.Transaction): Promise<void> => {
    expectTypeOf(await emit(trx, good)).toEqualTypeOf<string>()
    expectTypeOf(await emit(trx, [good])).toEqualTypeOf<string[]>()
    await emitShop(trx, { type: 'order.placed', aggregateId: 1, payload: { total: 1 } })
    // @ts-expect-error an unknown type
    void emitShop(trx, { type: 'order.lost', aggregateId: 1, payload: {} })
    // @ts-expect-error no handle
    void emit({}, good)
  }
  void run
})

test('unknown options do not compile', () => {
  // Not called: these are errors at run time as well.
  const wrong = (): void => {
    // @ts-expect-error nearly table
    withOutbox(plain, { tabel: { name: 'x' } })
    // @ts-expect-error also next to a known one
    withOutbox(plain, { ambient: true, tabel: { name: 'x' } })
    // @ts-expect-error of another type
    withOutbox(plain, { maxPayloadBytes: '1' })
    // @ts-expect-error in the function form
    createEmit({ ambient: true, tabel: { name: 'x' } })
    // @ts-expect-error no Knex
    withOutbox({})
  }
  void wrong
})
