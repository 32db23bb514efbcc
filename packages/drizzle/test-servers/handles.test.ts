// What only Drizzle has; what every adapter has to do is in conformance.test.ts.
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  createEmit,
  createTablesSql,
  isOutboxError,
  outboxTable,
  withOutbox,
  type EmittingTx,
  type OutboxEvent,
  type OutboxTx,
} from '@outboxkit/drizzle'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { withReplicas } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { drivers, version, type Database, type OpenDatabase } from './drivers.js'

const url = inject('postgresUrl')
const outbox = outboxTable()

const event = (type: string): OutboxEvent => ({
  type,
  aggregateType: 'order',
  aggregateId: 1,
  payload: { type },
})

async function codeOf(work: unknown): Promise<string> {
  try {
    await work
  } catch (error) {
    return isOutboxError(error) ? error.code : String(error)
  }
  return 'no error'
}

let place: FreshSchema
beforeAll(async () => {
  place = await freshSchema(url, 'drizzle')
  for (const statement of createTablesSql('postgres')) await place.query(statement)
})
beforeEach(() => place.query('delete from outbox'))
afterAll(() => place.drop())

const stored = async (): Promise<string[]> =>
  (await place.query<{ type: string }>('select type from outbox order by position')).map(({ type }) => type)

describe.each(drivers)(`drizzle ${version} on $name`, (driver) => {
  let opened: OpenDatabase
  let plain: Database
  beforeAll(() => {
    opened = driver.open(url, place.schema)
    plain = opened.db
  })
  afterAll(() => opened.close())

  test('the given database is not changed', async () => {
    const before = Object.getOwnPropertyNames(plain)
    const db = withOutbox(plain)
    await db.transaction(async (tx) => tx.emit(event('a')))
    expect(Object.getOwnPropertyNames(plain)).toEqual(before)
    await plain.transaction(async (tx) => expect(tx).not.toHaveProperty('emit'))
    expect(await db.select({ type: outbox.type }).from(outbox)).toEqual([{ type: 'a' }])
  })

  test('what we add to a transaction is not enumerable', async () => {
    const keys = (tx: object): string[] => Object.keys(tx).sort()
    const expected = await plain.transaction(async (tx) => keys(tx))
    expect(await withOutbox(plain).transaction(async (tx) => keys(tx))).toEqual(expected)
  })

  test('tx.rollback() leaves nothing and is the error of Drizzle', async () => {
    const hooks: string[] = []
    const transaction = withOutbox(plain).transaction(async (tx) => {
      await tx.emit(event('a'))
      void tx.emit(event('b'))
      tx.afterCommit(() => hooks.push('ran'))
      tx.rollback()
    })
    await expect(transaction).rejects.toMatchObject({
      name: expect.stringContaining('Error'),
      message: 'Rollback',
    })
    expect(await stored()).toEqual([])
    expect(hooks).toEqual([])
  })

  test('the rollback() of a savepoint leaves what was emitted around it', async () => {
    await withOutbox(plain).transaction(async (tx) => {
      void tx.emit(event('before'))
      const nested = tx.transaction(async (inner) => {
        await inner.emit(event('inside'))
        inner.rollback()
      })
      await nested.catch(() => {})
      await tx.emit(event('after'))
    })
    expect(await stored()).toEqual(['before', 'after'])
  })

  test('a savepoint that cannot be released does not stop the outer transaction', async () => {
    await withOutbox(plain).transaction(async (tx) => {
      const nested = tx.transaction(async (inner) => {
        await inner.emit(event('inside'))
        await inner.execute(sql`select no_such_column`).then(
          () => {},
          () => {},
        )
      })
      await expect(nested).rejects.toBeInstanceOf(Error)
      await tx.emit(event('after'))
    })
    expect(await stored()).toEqual(['after'])
  })

  test('a nested transaction cannot be opened after the end', async () => {
    const db = withOutbox(plain)
    const kept = await db.transaction(async (tx) => ({ tx }))
    expect(await codeOf(kept.tx.transaction(async (inner) => inner.emit(event('late'))))).toBe(
      'OUTBOX_TRANSACTION_ENDED',
    )
    expect(await stored()).toEqual([])
  })

  test('a nested transaction that nobody awaited takes no events after the end', async () => {
    let late: Promise<unknown> = Promise.resolve()
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    let nested: Promise<unknown> = Promise.resolve()
    await withOutbox(plain)
      .transaction(async (tx) => {
        await new Promise<void>((entered) => {
          nested = tx.transaction(async (inner) => {
            entered()
            await gate
            late = inner.emit(event('late'))
            await late
          })
          nested.catch(() => {})
        })
      })
      .catch(() => {})
    go()
    await expect(nested).rejects.toBeInstanceOf(Error)
    expect(await codeOf(late)).toBe('OUTBOX_TRANSACTION_ENDED')
    expect(await stored()).toEqual([])
  })

  test('an emit of such a transaction that waits for its end is not sent on its own', async () => {
    const codes: string[] = []
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    let nested: Promise<unknown> = Promise.resolve()
    const transaction = withOutbox(plain).transaction(async (tx) => {
      await new Promise<void>((entered) => {
        nested = tx.transaction(async (inner) => {
          const emitted = inner.emit(event('phantom'))
          entered()
          await gate
          codes.push(await codeOf(emitted))
        })
        nested.catch(() => {})
      })
    })
    expect(await codeOf(transaction)).toBe('OUTBOX_NESTED_OPEN')
    go()
    await expect(nested).rejects.toBeInstanceOf(Error)
    expect(codes).toEqual(['OUTBOX_TRANSACTION_ENDED'])
    expect(await stored()).toEqual([])
  })

  test('emit needs no receiver', async () => {
    await withOutbox(plain).transaction(async ({ emit }) => {
      await emit(event('a'))
    })
    expect(await stored()).toEqual(['a'])
  })

  test('settings of the transaction are passed on', async () => {
    const level = await withOutbox(plain).transaction(
      async (tx) => {
        void tx.emit(event('a'))
        return tx
          .select({ level: sql<string>`current_setting('transaction_isolation')` })
          .from(sql`(select 1) as one`)
      },
      { isolationLevel: 'serializable' },
    )
    expect(level).toEqual([{ level: 'serializable' }])
  })

  test('a statement that nobody awaited and that fails is no silent loss', async () => {
    const transaction = withOutbox(plain).transaction(async (tx) => {
      await tx.emit(event('a'))
      void tx.execute(sql`select no_such_column`).then(
        () => {},
        () => {},
      )
    })
    await expect(transaction).rejects.toBeInstanceOf(Error)
    expect(await stored()).toEqual([])
  })

  test('wrapped twice, the outer options win and all hooks run once', async () => {
    const hooks: string[] = []
    const db = withOutbox(withOutbox(plain, { maxPayloadBytes: 1 }))
    await db.transaction(async (tx) => {
      tx.afterCommit(() => hooks.push('outer'))
      await tx.transaction(async (inner) => {
        inner.afterCommit(() => hooks.push('inner'))
        await inner.emit(event('a'))
      })
    })
    expect(await stored()).toEqual(['a'])
    expect(hooks).toEqual(['outer', 'inner'])
  })

  test('with read replicas', async () => {
    const db = withOutbox(withReplicas(plain, [plain]) as unknown as Database)
    await db.transaction(async (tx) => tx.emit(event('a')))
    expect(await stored()).toEqual(['a'])
  })

  test('a proxy that stands for the current transaction (nestjs-cls)', async () => {
    const current = new AsyncLocalStorage<object>()
    const proxy = new Proxy(plain, {
      get: (target, name) => Reflect.get(current.getStore() ?? target, name) as unknown,
    })
    const emit = createEmit()
    await plain.transaction((tx) => current.run(tx, async () => emit(proxy, event('plain'))))
    const db = withOutbox(plain)
    await db.transaction((tx) => current.run(tx, async () => void emit(proxy, event('wrapped'))))
    expect(await stored()).toEqual(['plain', 'wrapped'])
    expect(await codeOf(emit(proxy, event('outside')))).toBe('OUTBOX_NO_TRANSACTION')
  })

  test('a transaction cannot be wrapped', async () => {
    const code = await plain.transaction(async (tx) => codeOf((async () => withOutbox(tx))()))
    expect(code).toBe('OUTBOX_HANDLE_UNSUPPORTED')
  })
})

describe(`drizzle ${version} on node-postgres alone`, () => {
  /** The statements that Drizzle logs during `body`, with one connection instead of a pool. */
  async function statementsOf(
    body: (tx: EmittingTx<OutboxTx<Database>, OutboxEvent>) => Promise<unknown>,
  ): Promise<{ query: string; params: unknown[] }[]> {
    const log: { query: string; params: unknown[] }[] = []
    const client = new pg.Client({ connectionString: url, options: `-c search_path=${place.schema}` })
    await client.connect()
    try {
      const logger = { logQuery: (query: string, params: unknown[]) => void log.push({ query, params }) }
      const db = withOutbox(drizzle({ client, logger }) as unknown as Database)
      await db.transaction(body)
    } finally {
      await client.end()
    }
    return log
  }

  test('parameters are text', async () => {
    const log = await statementsOf(async (tx) => {
      await tx.emit([
        { ...event('a'), aggregateId: 7n, headers: { tenant: 'x' } },
        { ...event('b'), aggregateId: null },
      ])
    })
    const insert = log.filter(({ query }) => query.startsWith('insert'))
    expect(insert).toHaveLength(1)
    expect(insert[0]?.params).toHaveLength(14)
    for (const param of insert[0]?.params ?? [])
      expect(param === null || typeof param === 'string').toBe(true)
  })

  test('a healthy transaction costs no round trip before COMMIT', async () => {
    const log = await statementsOf(async (tx) => {
      await tx.emit(event('a'))
      await tx.execute(sql`select 2`)
    })
    expect(log.map(({ query }) => query.split(' ')[0])).toEqual(['begin', 'insert', 'select', 'commit'])
  })

  test('a ROLLBACK of the application by hand is no silent loss', async () => {
    const hooks: string[] = []
    const transaction = statementsOf(async (tx) => {
      await tx.emit(event('a'))
      tx.afterCommit(() => hooks.push('ran'))
      await tx.execute(sql`rollback`)
    })
    expect(await codeOf(transaction)).toBe('OUTBOX_TRANSACTION_ENDED')
    expect(hooks).toEqual([])
  })

  test('a COMMIT of the application by hand ends the transaction', async () => {
    const codes: string[] = []
    const transaction = statementsOf(async (tx) => {
      await tx.execute(sql`commit`)
      codes.push(await codeOf(tx.emit(event('late'))))
    })
    expect(await codeOf(transaction)).toBe('OUTBOX_TRANSACTION_ENDED')
    expect(codes).toEqual(['OUTBOX_TRANSACTION_ENDED'])
    expect(await stored()).toEqual([])
  })
})
