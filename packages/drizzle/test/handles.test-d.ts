// Compiled against every supported version of Drizzle: here with the newest, by test-types/ with the others.
import { integer, pgTable, serial, text } from 'drizzle-orm/pg-core'
import { drizzle as mysql2 } from 'drizzle-orm/mysql2'
import { drizzle as nodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as postgresJs } from 'drizzle-orm/postgres-js'
import { describe, expectTypeOf, test } from 'vitest'
import {
  createEmit,
  defineEvents,
  typed,
  withOutbox,
  type Emit,
  type OutboxEvent,
  type OutboxTx,
} from '@outboxkit/drizzle'

const orders = pgTable('orders', {
  id: serial('id').primaryKey(),
  sku: text('sku').notNull(),
  total: integer('total'),
})

const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ total: number }>() },
  'order.shipped': { aggregateType: 'order', payload: typed<{ carrier: string }>() },
})

const plain = nodePostgres('postgres://unused')
const db = withOutbox(plain)
const typedDb = withOutbox(plain, { events })
type PlainTx = Parameters<Parameters<(typeof plain)['transaction']>[0]>[0]

const event = { type: 'x', aggregateType: 'order', aggregateId: 1, payload: {} } as const

describe('the wrapped handle', () => {
  test('is assignable to Drizzle own type', () => {
    expectTypeOf(db).toExtend<typeof plain>()
    expectTypeOf(typedDb).toExtend<typeof plain>()
  })

  test('gives transactions emit, on every driver', () => {
    void db.transaction(async (tx) => {
      expectTypeOf(tx.emit).toEqualTypeOf<Emit<OutboxEvent>>()
      expectTypeOf(tx.emit(event)).resolves.toEqualTypeOf<string>()
      expectTypeOf(tx.emit([event])).resolves.toEqualTypeOf<string[]>()
      tx.afterCommit(async () => {})
    })
    void withOutbox(postgresJs('postgres://unused')).transaction(async (tx) => tx.emit(event))
    void withOutbox(mysql2('mysql://unused')).transaction(async (tx) => tx.emit(event))
  })

  test('has no emit outside of a transaction', () => {
    expectTypeOf(db).not.toHaveProperty('emit')
    // only with { ambient: true }
    expectTypeOf(db).not.toHaveProperty('outbox')
  })

  test('keeps the result type and the transaction settings', () => {
    expectTypeOf(
      db.transaction(async () => 7, { isolationLevel: 'serializable' }),
    ).resolves.toEqualTypeOf<number>()
    // @ts-expect-error -- not an isolation level
    void db.transaction(async () => 7, { isolationLevel: 'nope' })
  })

  test('has ambient emit when asked for', () => {
    const ambient = withOutbox(plain, { ambient: true, events })
    expectTypeOf(ambient.outbox.emit).toEqualTypeOf<OutboxTx<typeof typedDb>['emit']>()
    // @ts-expect-error -- not in the catalogue
    void ambient.outbox.emit({ type: 'nope', aggregateId: 1, payload: { total: 1 } })
  })

  test('knows its options', () => {
    // @ts-expect-error -- a typing mistake
    withOutbox(plain, { tabel: {} })
    // @ts-expect-error -- a typing mistake beside a right one
    withOutbox(plain, { events, ambiant: true })
    // @ts-expect-error -- a typing mistake inside an option
    withOutbox(plain, { table: { nam: 'x' } })
    // @ts-expect-error -- a typing mistake in the function form
    createEmit({ tabel: {} })
    expectTypeOf(withOutbox(plain, {})).toEqualTypeOf<typeof db>()
  })
})

describe('the transaction handle', () => {
  const legacy = async (tx: PlainTx) => tx.select().from(orders)

  test('is assignable to Drizzle own type and keeps its queries', () => {
    void db.transaction(async (tx) => {
      expectTypeOf(tx).toExtend<PlainTx>()
      const [order] = await legacy(tx)
      const [inserted] = await tx.insert(orders).values({ sku: 'a' }).returning()
      expectTypeOf(inserted).toEqualTypeOf(order)
      expectTypeOf(inserted).toEqualTypeOf<{ id: number; sku: string; total: number | null } | undefined>()
      // @ts-expect-error -- no such column
      await tx.insert(orders).values({ nope: 1 })
    })
  })

  test('keeps emit in nested transactions', () => {
    void db.transaction(async (tx) =>
      tx.transaction(async (nested) => {
        expectTypeOf(nested).toExtend<PlainTx>()
        nested.afterCommit(() => {})
        return nested.transaction(async (third) => third.emit(event))
      }),
    )
  })

  test('has a name: OutboxTx, or the line that everybody writes', () => {
    type Everybody = Parameters<Parameters<typeof typedDb.transaction>[0]>[0]
    expectTypeOf<OutboxTx<typeof typedDb>>().toEqualTypeOf<Everybody>()
    expectTypeOf<Everybody['emit']>().toEqualTypeOf<OutboxTx<typeof typedDb>['emit']>()
    const service = async (tx: Everybody) =>
      tx.emit({ type: 'order.placed', aggregateId: 1, payload: { total: 1 } })
    void typedDb.transaction(service)
    void typedDb.transaction(async (tx) => tx.transaction(service))
    void typedDb.transaction(async (tx) => service(tx))
    type Nested = Parameters<Parameters<Everybody['transaction']>[0]>[0]
    expectTypeOf<Nested['emit']>().toEqualTypeOf<Everybody['emit']>()
  })
})

describe('events', () => {
  test('of a catalogue', () => {
    expectTypeOf<OutboxTx<typeof typedDb>['emit']>().not.toEqualTypeOf<Emit<OutboxEvent>>()
    void typedDb.transaction(async (tx) => {
      await tx.emit({
        type: 'order.placed',
        aggregateId: 1n,
        payload: { total: 1 },
        headers: { tenant: 'a' },
      })
      await tx.emit([
        { type: 'order.placed', aggregateId: null, payload: { total: 1 } },
        { type: 'order.shipped', aggregateId: 'a', payload: { carrier: 'x' } },
      ])
      // @ts-expect-error -- not in the catalogue
      await tx.emit({ type: 'order.lost', aggregateId: 1, payload: {} })
      // @ts-expect-error -- the payload of another type
      await tx.emit({ type: 'order.placed', aggregateId: 1, payload: { carrier: 'x' } })
      // @ts-expect-error -- no aggregateId
      await tx.emit({ type: 'order.placed', payload: { total: 1 } })
      // @ts-expect-error -- one of several is wrong
      await tx.emit([{ type: 'order.placed', aggregateId: 1, payload: { total: '1' } }])
    })
  })

  test('without a catalogue', () => {
    void db.transaction(async (tx) => {
      expectTypeOf(tx.emit).toBeCallableWith(event)
      // @ts-expect-error -- no aggregateId
      await tx.emit({ type: 'x', aggregateType: 'order', payload: {} })
      // @ts-expect-error -- no aggregateType
      await tx.emit({ type: 'x', aggregateId: 1, payload: {} })
      // @ts-expect-error -- the way of EventEmitter
      await tx.emit('x', { payload: {} })
    })
  })
})

describe('the function form', () => {
  test('takes any transaction and checks the event', () => {
    const emit = createEmit({ events })
    const placed = { type: 'order.placed', aggregateId: 1, payload: { total: 1 } } as const
    void plain.transaction(async (tx) => {
      expectTypeOf(emit(tx, placed)).resolves.toEqualTypeOf<string>()
      expectTypeOf(emit(tx, [placed])).resolves.toEqualTypeOf<string[]>()
      // @ts-expect-error -- wrong payload
      await emit(tx, { type: 'order.placed', aggregateId: 1, payload: {} })
    })
    void db.transaction(async (tx) => emit(tx, placed))
    // frameworks type the transaction as the database: the check at run time decides
    void emit(plain, placed)
    // @ts-expect-error -- no Drizzle handle
    void emit({}, placed)
  })
})

describe('on MySQL and MariaDB', () => {
  const plainMysql = mysql2('mysql://unused')
  const mysqlDb = withOutbox(plainMysql, { events })
  type PlainMysqlTx = Parameters<Parameters<(typeof plainMysql)['transaction']>[0]>[0]
  type Everybody = Parameters<Parameters<typeof mysqlDb.transaction>[0]>[0]

  test('the handles stay what Drizzle calls them', () => {
    expectTypeOf(mysqlDb).toExtend<typeof plainMysql>()
    expectTypeOf<Everybody>().toExtend<PlainMysqlTx>()
    expectTypeOf<OutboxTx<typeof mysqlDb>>().toEqualTypeOf<Everybody>()
    expectTypeOf<OutboxTx<typeof plainMysql>>().toEqualTypeOf<PlainMysqlTx>()
    expectTypeOf<Everybody['emit']>().toEqualTypeOf<OutboxTx<typeof typedDb>['emit']>()
    type Nested = Parameters<Parameters<Everybody['transaction']>[0]>[0]
    expectTypeOf<Nested['emit']>().toEqualTypeOf<Everybody['emit']>()
  })

  test('emit is checked', () => {
    const service = async (tx: Everybody) =>
      tx.emit({ type: 'order.placed', aggregateId: 1, payload: { total: 1 } })
    void mysqlDb.transaction(service)
    void mysqlDb.transaction(async (tx) => tx.transaction(service), { isolationLevel: 'read committed' })
    void plainMysql.transaction(async (tx) => createEmit()(tx, event))
    void mysqlDb.transaction(async (tx) => {
      // @ts-expect-error -- not in the catalogue
      await tx.emit({ type: 'order.lost', aggregateId: 1, payload: {} })
    })
    expectTypeOf(mysqlDb).not.toHaveProperty('emit')
  })
})
