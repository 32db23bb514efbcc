import { createEmit, emitOperation, type PrismaTxLike } from '@outboxkit/prisma'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TestClient } from './support/open.js'
import {
  event,
  grid,
  makePlace,
  outcome,
  swallowDeadlock,
  type Db,
  type MysqlPlace,
  type Tx,
} from './support/mysql-place.js'

// The server ends a transaction of MySQL without a word: what was written before is gone, or committed already,
// and what is written afterwards is committed on its own. Prisma's COMMIT succeeds all the same.
describe.each(grid)('a transaction that ends early, $name', ({ server, target }) => {
  let place: MysqlPlace
  let plain: TestClient
  let db: Db
  beforeAll(async () => {
    place = await makePlace(target, server)
    plain = place.open()
    db = place.wrap(plain)
  })
  beforeEach(() => place.clear())
  afterAll(() => place.drop())
  const order = (tx: Tx, sku: string): Promise<unknown> => tx.order.create({ data: { sku } })
  const nothing = { events: [], orders: [] }

  const ends = {
    'a deadlock whose error is swallowed': async (tx: Tx) => {
      expect(await swallowDeadlock(place, tx)).toMatchObject({ code: 'P2034' })
    },
    'ROLLBACK by hand': (tx: Tx) => tx.$executeRawUnsafe('rollback'),
  }
  for (const [title, end] of Object.entries(ends)) {
    test(`${title}, after an emit`, async () => {
      const hooks: string[] = []
      const work = db.$transaction(async (tx) => {
        tx.afterCommit(() => hooks.push('ran'))
        await order(tx, 'before')
        await tx.emit(event('before'))
        await end(tx)
      })
      expect(await outcome(work)).toBe('OUTBOX_TRANSACTION_ABORTED')
      expect([await place.stored(), hooks]).toEqual([nothing, []])
    })

    test(`${title}, before an emit (awaited, swallowed, un-awaited)`, async () => {
      for (const how of ['awaited', 'swallowed', 'un-awaited']) {
        await place.clear()
        const work = db.$transaction(async (tx) => {
          await order(tx, 'before')
          await end(tx)
          const emitted = tx.emit(event('phantom'))
          if (how === 'awaited') await emitted
          if (how === 'swallowed') await emitted.catch(() => undefined)
        })
        expect([how, await outcome(work)]).toEqual([how, 'OUTBOX_TRANSACTION_ABORTED'])
        expect(await place.stored()).toEqual(nothing)
      }
    })

    test(`${title}, before an emit of the function form`, async () => {
      const emit = createEmit()
      const work = plain.$transaction(async (tx) => {
        await end(tx as unknown as Tx)
        await emit(tx as unknown as PrismaTxLike, event('phantom'))
      })
      expect(await outcome(work)).toBe('OUTBOX_TRANSACTION_ABORTED')
      expect(await place.stored()).toEqual(nothing)
    })

    test.runIf(target.savepoints)(
      `${title}, in a nested transaction${target.savepoints ? '' : ' (no nested transactions before Prisma 7.5)'}`,
      async () => {
        let inner: unknown
        const work = db.$transaction(async (tx) => {
          await tx.emit(event('outer'))
          inner = await outcome(
            tx.$transaction(async (nested) => {
              await nested.emit(event('nested'))
              await end(nested)
            }),
          )
          await tx.emit(event('after'))
        })
        expect(await outcome(work)).not.toBe('committed')
        expect(inner).toBe('OUTBOX_TRANSACTION_ABORTED')
        expect(await place.stored()).toEqual(nothing)
      },
    )
  }

  test('DDL and COMMIT by hand commit what was before; nothing is emitted afterwards, and the caller hears of it', async () => {
    for (const statement of ['create table if not exists made_inside (id int)', 'commit']) {
      await place.clear()
      const work = db.$transaction(async (tx) => {
        await order(tx, 'before')
        await tx.emit(event('before'))
        await tx.$executeRawUnsafe(statement)
        await tx.emit(event('after')).catch(() => undefined)
      })
      expect(await outcome(work)).toBe('OUTBOX_TRANSACTION_ABORTED')
      expect(await place.stored()).toEqual({ events: ['before'], orders: ['before'] })
    }
  })

  const sendsPrepared = server.name === 'MySQL' && target.savepoints
  test.runIf(sendsPrepared)(
    `raw SQL as prepared statements without nested transactions is refused${sendsPrepared ? '' : ' (only Prisma 7 sends them, and only MySQL takes no savepoints in them)'}`,
    async () => {
      const emit = createEmit()
      const work = plain.$transaction((tx) => {
        const old = new Proxy(tx, {
          get: (handle, name): unknown => (name === '$transaction' ? undefined : Reflect.get(handle, name)),
        })
        return emit(old as unknown as PrismaTxLike, event('a'))
      })
      expect(await outcome(work)).toBe('OUTBOX_HANDLE_UNSUPPORTED')
      expect(await place.stored()).toEqual(nothing)
    },
  )

  test('an emit that was swallowed fails the transaction, which MySQL would commit', async () => {
    const renamed = place.wrap(plain, { table: { name: 'missing' } })
    const work = renamed.$transaction(async (tx) => {
      await order(tx, 'row')
      await tx.emit(event('a')).catch(() => undefined)
    })
    await expect(work).rejects.toThrow('createTablesSql')
    expect(await place.stored()).toEqual(nothing)
  })

  test('a failed statement that is swallowed, and undone alone, keeps the transaction', async () => {
    await db.$transaction(async (tx) => {
      await order(tx, 'row')
      await tx.emit(event('a'))
      await expect(order(tx, 'row')).rejects.toMatchObject({ code: 'P2002' })
      await tx.emit(event('b'))
    })
    expect(await place.stored()).toEqual({ events: ['a', 'b'], orders: ['row'] })
  })

  test('a deadlock that ends the transaction, and an extension that tries again: the events of the last try', async () => {
    const retrying = plain.$extends({
      client: {
        $transaction: (body: never) => plain.$transaction(body).catch(() => plain.$transaction(body)),
      },
    })
    let tries = 0
    await place.wrap(retrying).$transaction(async (tx) => {
      await order(tx, 'row')
      await tx.emit(event(`try ${++tries}`))
      if (tries === 1) throw await swallowDeadlock(place, tx)
    })
    expect(await place.stored()).toEqual({ events: ['try 2'], orders: ['row'] })
  })

  test('a row that has changed since the snapshot: all is committed, or nothing and the caller hears of it', async () => {
    let failed = false
    const work = db.$transaction(async (tx) => {
      await order(tx, 'row')
      await tx.emit(event('a'))
      await place.database.query("update `Order` set total = 5 where sku = 'left'")
      // MariaDB refuses it since 11.6, by default.
      await tx
        .$executeRawUnsafe("update `Order` set total = 6 where sku = 'left'")
        .catch(() => (failed = true))
      await tx.emit(event('b')).catch(() => undefined)
    })
    const result = await outcome(work)
    const all = { events: ['a', 'b'], orders: ['row'] }
    const [setting] = await place.database.query<{ Value: string }>(
      "show variables like 'innodb_snapshot_isolation'",
    )
    expect(failed).toBe(setting?.Value === 'ON')
    expect([result, await place.stored()]).toEqual(
      result === 'committed' ? ['committed', all] : ['OUTBOX_TRANSACTION_ABORTED', nothing],
    )
  })

  test('a batch in which an operation fails leaves nothing', async () => {
    const create = (sku: string): unknown => db.order.create({ data: { sku } })
    const emitted = emitOperation(db as object, event('a'))
    const work = db.$transaction([create('x'), emitted, create('x')])
    expect(await outcome(work)).toBe('P2002')
    expect(await place.stored()).toEqual(nothing)
  })

  test('statements of other branches while emits are being sent: none is undone', async () => {
    const skus = Array.from({ length: 14 }, (_, index) => `sku ${index}`)
    const emit = createEmit()
    for (const form of ['tx.emit', 'function'] as const) {
      await place.clear()
      const client = form === 'tx.emit' ? db : (plain as unknown as Db)
      await client.$transaction((tx) => {
        const orders = skus.map(async (sku, index) => {
          for (let turn = 0; turn < index % 7; turn++) await Promise.resolve()
          await order(tx, sku)
        })
        const emits = skus.map(async (sku, index) => {
          for (let turn = 0; turn < index % 6; turn++) await tx.order.count()
          await (form === 'tx.emit' ? tx.emit(event(sku)) : emit(tx as unknown as PrismaTxLike, event(sku)))
          await order(tx, `after ${sku}`)
        })
        return Promise.all([...orders, ...emits])
      })
      const { events, orders } = await place.stored()
      expect([form, events.length, orders.length]).toEqual([form, 14, 28])
    }
  })

  test('emits of the function form that run at the same time', async () => {
    const emit = createEmit()
    await plain.$transaction((tx) =>
      Promise.all(['a', 'b', 'c'].map((type) => emit(tx as unknown as PrismaTxLike, event(type)))),
    )
    expect((await place.stored()).events.sort()).toEqual(['a', 'b', 'c'])
  })
})
