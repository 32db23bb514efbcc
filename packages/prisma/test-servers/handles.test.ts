import { createEmit, emitOperation, withOutbox } from '@outboxkit/prisma'
import type { OutboxEvent, OutboxOptions } from '@outboxkit/core'
import { createTablesSql } from '@outboxkit/core'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { clientsOf, type TestClient, type TestNestableTx, type TestTx } from './support/open.js'
import { orderTables } from './support/schemas.js'
import { targets, type Target } from './support/targets.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })
type Emitting = TestNestableTx & { emit(event: OutboxEvent): Promise<string> }
const code = (name: string): unknown => expect.objectContaining({ code: name })

/** The reason of a skip, for the title. */
const unlessNested = (target: { savepoints: boolean }): string =>
  target.savepoints ? '' : ' (no nested transactions before Prisma 7.5)'

describe.each([targets['prisma 7, prisma-client'], targets['prisma 6.16, prisma-client-js']])(
  '$name',
  (target) => {
    handleTests(target)
  },
)

function handleTests(target: Target): void {
  let place: FreshSchema
  let plain: TestClient
  const types = async (): Promise<string[]> =>
    (await place.query<{ type: string }>('select type from outbox order by position')).map(({ type }) => type)
  const orders = async (): Promise<number> => (await place.query('select 1 from "Order"')).length
  const wrap = (options: OutboxOptions = {}): TestClient =>
    withOutbox(plain, options) as unknown as TestClient

  beforeAll(async () => {
    place = await freshSchema(inject('postgresUrl'), 'prisma')
    for (const sql of [...createTablesSql('postgres'), ...orderTables]) await place.pool.query(sql)
    plain = (await clientsOf(target)).open(inject('postgresUrl'), place.schema)
  })
  beforeEach(() => place.pool.query('truncate outbox, "Order" cascade'))
  afterAll(async () => {
    await plain.$disconnect()
    await place.drop()
  })

  outsideTests(() => ({ plain, types }))
  endTests(() => ({ plain, types }))
  batchTests(() => ({ plain, types, orders }), target)
  extensionTests(() => ({ plain, types }), target)

  test('the models of the README read what was emitted', async () => {
    const seen = await wrap().$transaction(async (tx) => {
      await (tx as Emitting).emit({ ...event('a'), headers: { tenant: 'acme' }, payload: { total: 12 } })
      return tx.outboxEvent.findMany()
    })
    expect(seen).toMatchObject([
      {
        type: 'a',
        aggregatetype: 'order',
        aggregateid: '1',
        payload: { total: 12 },
        headers: { tenant: 'acme' },
      },
    ])
    expect(seen[0]?.['createdAt']).toBeInstanceOf(Date)
  })

  test('table.schema names a schema that the connection does not search', async () => {
    const other = await freshSchema(inject('postgresUrl'), 'prisma_other')
    const table = { name: 'events', schema: other.schema }
    for (const sql of createTablesSql('postgres', table)) await place.pool.query(sql)
    await wrap({ table }).$transaction((tx) => (tx as Emitting).emit(event('a')))
    expect(await other.query('select type from events')).toEqual([{ type: 'a' }])
    await other.drop()
  })

  test('$on and model access stay as they were, and the client itself is not changed', async () => {
    const db = wrap()
    const statements: string[] = []
    db.$on('query', ({ query }) => statements.push(query))
    await db.order.count()
    expect(statements.join()).toContain('Order')
    expect(Object.keys(db)).toEqual([])
    await plain.$transaction(async (tx) => expect(tx).not.toHaveProperty('emit', expect.any(Function)))
  })
}

function outsideTests(context: () => { plain: TestClient; types: () => Promise<string[]> }): void {
  const outside = (db: object): unknown => (db as { emit: (event: OutboxEvent) => unknown }).emit(event('a'))

  test('emit outside a transaction throws at once, also on an extended client', async () => {
    const db = withOutbox(context().plain)
    expect(() => outside(db)).toThrow(code('OUTBOX_NO_TRANSACTION'))
    expect(() => outside(db.$extends({}))).toThrow(code('OUTBOX_NO_TRANSACTION'))
    expect(await context().types()).toEqual([])
  })

  test('withOutbox refuses a transaction and other databases', async () => {
    const { plain } = context()
    await plain.$transaction(async (tx) => {
      expect(() => withOutbox(tx as unknown as TestClient)).toThrow(code('OUTBOX_HANDLE_UNSUPPORTED'))
    })
    for (const provider of ['sqlite', 'cockroachdb', 'sqlserver', 'mongodb', 'constructor', undefined]) {
      const other = new Proxy(plain, {
        get: (client, name) => (name === '_activeProvider' ? provider : Reflect.get(client, name)),
      })
      expect(() => withOutbox(other)).toThrow(code('OUTBOX_HANDLE_UNSUPPORTED'))
      if (provider === undefined) withOutbox(other, { provider: 'postgresql' })
    }
    expect(() => withOutbox({} as TestClient)).toThrow(code('OUTBOX_HANDLE_UNSUPPORTED'))
    expect(() => withOutbox(plain, { evnets: 1 } as never)).toThrow("'events'")
  })

  test('withOutbox refuses a client whose models it would hide', () => {
    const { plain } = context()
    const withModel = (model: string): TestClient =>
      new Proxy(plain, {
        get: (client, name) => (name === model ? { findMany: () => 0 } : Reflect.get(client, name)),
      })
    expect(() => withOutbox(withModel('emit'))).toThrow("'emit'")
    expect(() => withOutbox(withModel('outbox'), { ambient: true })).toThrow("'outbox'")
    withOutbox(withModel('outbox'))
  })
}

function endTests(context: () => { plain: TestClient; types: () => Promise<string[]> }): void {
  const expired = async (db: TestClient, body: (tx: TestTx) => unknown): Promise<unknown> =>
    db.$transaction(
      async (tx) => {
        await new Promise((resolve) => setTimeout(resolve, 400))
        await body(tx)
      },
      { timeout: 100 },
    )

  test.for([true, false])("an expired transaction gives Prisma's P2028 (awaited: %s)", async (awaited) => {
    const db = withOutbox(context().plain) as unknown as TestClient
    const emitted = expired(db, async (tx) => {
      const emitting = (tx as Emitting).emit(event('a'))
      if (awaited) await emitting
    })
    await expect(emitted).rejects.toMatchObject({ code: 'P2028' })
    expect(await context().types()).toEqual([])
  })

  test('the function form gives it as well, expired or ended', async () => {
    const emit = createEmit()
    const { plain, types } = context()
    await expect(expired(plain, (tx) => emit(tx, event('a')))).rejects.toMatchObject({ code: 'P2028' })
    const kept = await plain.$transaction(async (tx) => tx)
    await expect(emit(kept, event('a'))).rejects.toMatchObject({ code: 'P2028' })
    expect(await types()).toEqual([])
  })
}

function batchTests(
  context: () => { plain: TestClient; types: () => Promise<string[]>; orders: () => Promise<number> },
  target: Target,
): void {
  test('a batch gives ids in their places', async () => {
    const db = withOutbox(context().plain)
    const id = '01890a5d-ac96-774b-bcce-b302099a8057'
    const result = await db.$transaction([
      db.order.create({ data: { sku: 'x' } }),
      emitOperation(db, { ...event('a'), id }),
      db.order.count(),
      emitOperation(db, [event('b'), event('c')]),
    ])
    expect(result).toMatchObject([{ sku: 'x' }, id, 1, [expect.any(String), expect.any(String)]])
    expect(await context().types()).toEqual(['a', 'b', 'c'])
  })

  test('an operation that is awaited by itself is an error, never an INSERT', async () => {
    const db = withOutbox(context().plain)
    const operation = emitOperation(db, event('a'))
    await expect(operation).rejects.toMatchObject({ code: 'OUTBOX_NO_TRANSACTION' })
    await expect(operation.catch((error: unknown) => Promise.reject(error as Error))).rejects.toThrow('[…]')
    await expect(operation.finally(() => undefined)).rejects.toMatchObject({ code: 'OUTBOX_NO_TRANSACTION' })
    expect(await context().types()).toEqual([])
  })

  test('an operation takes its values at the call, and what fits into one statement', async () => {
    const db = withOutbox(context().plain)
    const payload = { total: 1 }
    const operation = emitOperation(db, { ...event('a'), payload })
    payload.total = 2
    await db.$transaction([operation])
    expect(await db.outboxEvent.findMany()).toMatchObject([{ payload: { total: 1 } }])
    const many = Array.from({ length: 501 }, () => event('a'))
    expect(() => emitOperation(db, many)).toThrow(code('OUTBOX_EVENT_INVALID'))
    expect(() => emitOperation(db, [])).toThrow(code('OUTBOX_EVENT_INVALID'))
    expect(() => emitOperation(db, event(''))).toThrow(code('OUTBOX_EVENT_INVALID'))
    expect(() => emitOperation(context().plain as object, event('a'))).toThrow(
      code('OUTBOX_HANDLE_UNSUPPORTED'),
    )
    const locking = withOutbox(context().plain, { lockKey: true })
    expect(() => emitOperation(locking, event('a'))).toThrow(code('OUTBOX_OPTION_INVALID'))
  })

  test.runIf(target.savepoints)(
    `an operation in a batch on a transaction is refused${unlessNested(target)}`,
    async () => {
      const db = withOutbox(context().plain)
      const failing = db.$transaction(async (tx) => {
        const batch = (tx as unknown as TestClient).$transaction([emitOperation(db, event('a'))])
        await expect(batch).rejects.toEqual(code('OUTBOX_NO_TRANSACTION'))
        throw new Error('rolled back')
      })
      await expect(failing).rejects.toThrow('rolled back')
      expect(await context().types()).toEqual([])
    },
  )
}

function extensionTests(
  context: () => { plain: TestClient; types: () => Promise<string[]> },
  target: Target,
): void {
  const special = { model: { order: { special: () => 'special' } } }
  const specialOf = (tx: TestTx): unknown => (tx.order as unknown as { special(): unknown }).special()

  test('extensions before and after: emit and their own methods, in nested transactions too', async () => {
    const before = withOutbox(context().plain.$extends(special)) as unknown as TestClient
    const after = (withOutbox(context().plain) as unknown as TestClient).$extends({}).$extends(special)
    const byFunction = (withOutbox(context().plain) as unknown as TestClient).$extends((client: TestClient) =>
      client.$extends(special),
    )
    for (const db of [before, after, byFunction]) {
      await db.$transaction(async (tx) => {
        expect(specialOf(tx)).toBe('special')
        await (tx as Emitting).emit(event('a'))
        if (!target.savepoints) return
        await tx.$transaction(async (nested) => {
          expect(specialOf(nested)).toBe('special')
          await (nested as Emitting).emit(event('b'))
        })
      })
      await db.$transaction([emitOperation(db as object, event('c'))])
    }
    const each = target.savepoints ? ['a', 'b', 'c'] : ['a', 'c']
    expect(await context().types()).toEqual([...each, ...each, ...each])
  })

  test('a query extension sees the INSERT, and a method of the client opens transactions with emit', async () => {
    const { Prisma } = await clientsOf(target)
    const seen: string[] = []
    const db = (withOutbox(context().plain) as unknown as TestClient).$extends({
      query: {
        $allOperations({ operation, args, query }: { operation: string; args: unknown; query: Query }) {
          seen.push(operation)
          return query(args)
        },
      },
      client: {
        place(this: unknown) {
          const self: TestClient = Prisma.getExtensionContext(this)
          return self.$transaction((tx) => (tx as Emitting).emit(event('a')))
        },
      },
    })
    await (db as unknown as { place(): Promise<string> }).place()
    // The INSERT, and the question whether the transaction is healthy.
    expect(seen).toEqual(['$executeRawUnsafe', '$executeRawUnsafe'])
    expect(await context().types()).toEqual(['a'])
  })

  test.runIf(target.savepoints)(
    `a nested transaction that does not begin leaves the outer one usable${unlessNested(target)}`,
    async () => {
      const { plain, types } = context()
      await withOutbox(plain).$transaction(async (tx) => {
        await tx.$transaction(async (nested) => {
          await expect(tx.$transaction(async () => 'two at once')).rejects.toThrow('Concurrent')
          await nested.emit(event('a'))
        })
        await tx.emit(event('b'))
      })
      expect(await types()).toEqual(['a', 'b'])
    },
  )

  test('an extension that tries a transaction again: only the last try leaves events and hooks', async () => {
    const { plain, types } = context()
    const retrying = plain.$extends({
      client: {
        $transaction: (body: never) => plain.$transaction(body).catch(() => plain.$transaction(body)),
      },
    })
    const hooks: number[] = []
    let tries = 0
    await withOutbox(retrying).$transaction(async (tx) => {
      const attempt = ++tries
      tx.afterCommit(() => hooks.push(attempt))
      await tx.emit(event(`try ${attempt}`))
      if (attempt === 1) throw new Error('again')
    })
    expect(await types()).toEqual(['try 2'])
    expect(hooks).toEqual([2])
  })
}

type Query = (args: unknown) => Promise<unknown>
