import { isOutboxError } from '@outboxkit/core'
import { createEmit, withOutbox, type OutboxEvent } from '@outboxkit/knex'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { killTransactions, testDatabase, type TestDatabase } from './database.js'
import { versions } from './versions.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })

describe.each(versions)('knex, $version:', ({ knex }) => {
  const open = (database: TestDatabase, config: Knex.Config = {}): Knex => {
    const connection = { connectionString: database.url, application_name: database.schema }
    const db = knex({ client: 'pg', connection, pool: { min: 0, max: 1 }, ...config })
    onTestFinished(() => db.destroy())
    return db
  }

  describe('the promise form', () => {
    test('commits and rolls back', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const committed = await db.transaction()
      void committed.emit(event('a'))
      await committed('rows').insert({ id: 1 })
      await committed.emit(event('b'))
      await committed.commit()
      const rolledBack = await db.transaction({ isolationLevel: 'serializable' })
      await rolledBack.emit(event('c'))
      void rolledBack.emit(event('d'))
      await rolledBack.rollback()
      await expect(rolledBack.emit(event('e'))).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ENDED' })
      expect(await database.types()).toEqual(['a', 'b'])
    })

    test('rolls back before commit() rejects with a failed emit', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const trx = await db.transaction()
      await trx('rows').insert({ id: 1 })
      void trx.emit(event(''))
      await expect(trx.commit()).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
      expect(trx.isCompleted()).toBe(true)
      await trx.rollback()
      // The only connection is back, and no transaction is open on it.
      await db.transaction((next) => next.emit(event('next')))
      expect(await database.query('select * from rows')).toEqual([])
      expect(await database.types()).toEqual(['next'])
    })

    test('commit() rejects when COMMIT fails, and no hook runs', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const trx = await db.transaction()
      trx.afterCommit(() => hooks.push('ran'))
      await trx.emit(event('a'))
      await trx('rows').insert({ id: 1, parent_id: 2 })
      await expect(trx.commit()).rejects.toMatchObject({ code: '23503' })
      expect(hooks).toEqual([])
      expect(await database.types()).toEqual([])
    })

    test('commit() rejects when the connection is lost', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const trx = await db.transaction()
      trx.afterCommit(() => hooks.push('ran'))
      await trx.emit(event('a'))
      await killTransactions(database)
      await expect(trx.commit()).rejects.toThrow(/./)
      expect(hooks).toEqual([])
      // Knex may hand out the lost connection once more before it has heard of the loss.
      await vi.waitFor(() => db.transaction((next) => next.emit(event('next'))), { timeout: 30_000 })
      expect(await database.types()).toEqual(['next'])
    })

    test('commit() waits for the hooks, which may use the only connection', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const seen: unknown[] = []
      const trx = await db.transaction()
      trx.afterCommit(async () => {
        await sleep(10)
        seen.push((await db('rows').select('id')).length)
      })
      await trx('rows').insert({ id: 1 })
      await trx.commit()
      expect(seen).toEqual([1])
    })

    test('whichever comes first wins: commit, then rollback', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const trx = await db.transaction()
      void trx.emit(event('a'))
      const ends = await Promise.allSettled([trx.commit(), trx.commit(), trx.rollback()])
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
      await trx.commit()
      expect(await database.types()).toEqual(['a'])
    })

    test('rollback, then commit', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const trx = await db.transaction()
      trx.afterCommit(() => hooks.push('ran'))
      await trx.emit(event('a'))
      const ends = await Promise.allSettled([trx.rollback(), trx.commit()])
      // As in plain Knex.
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
      expect(await database.types()).toEqual([])
      expect(hooks).toEqual([])
    })

    test('nested, in the promise form too', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const trx = await db.transaction()
      void trx.emit(event('a'))
      const kept = await trx.transaction()
      void kept.emit(event('b'))
      kept.afterCommit(() => hooks.push('kept'))
      await expect(trx.emit(event('x')).catch((error: unknown) => error)).resolves.toMatchObject({
        code: 'OUTBOX_NESTED_OPEN',
      })
      await kept.commit()
      await expect(trx.commit()).rejects.toMatchObject({ code: 'OUTBOX_NESTED_OPEN' })
      expect(await database.types()).toEqual([])
      expect(hooks).toEqual([])
    })

    test('nested: commit, rollback, and on with the outer one', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const trx = await db.transaction()
      const kept = await trx.transaction()
      void kept.emit(event('a'))
      kept.afterCommit(() => hooks.push('kept'))
      await kept.commit()
      const dropped = await trx.transaction()
      void dropped.emit(event('b'))
      dropped.afterCommit(() => hooks.push('dropped'))
      await dropped.rollback()
      await trx.emit(event('c'))
      await trx.commit()
      expect(await database.types()).toEqual(['a', 'c'])
      expect(hooks).toEqual(['kept'])
    })
  })

  describe('other forms', () => {
    test('says why BEGIN failed, not that emit() came too late', async () => {
      const database = await testDatabase()
      const plain = open(database)
      const db = withOutbox(plain)
      await plain.raw('select 1')
      const connection: unknown = await plain.client.acquireConnection()
      const { stream } = (connection as { connection: { stream: Socket } }).connection
      // What the server says on its way out waits in the socket, so that the pool still believes in it.
      stream.pause()
      await plain.client.releaseConnection(connection)
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${database.schema}'`,
      )
      const failing = db.transaction((trx) => trx.emit(event('a')))
      setTimeout(() => stream.resume(), 100)
      const failure: unknown = await failing.catch((error: unknown) => error)
      expect(isOutboxError(failure)).toBe(false)
      expect(String(failure)).toMatch(/terminat|ECONNRESET|EPIPE/)
      expect(await database.types()).toEqual([])
    })

    test('says why SAVEPOINT failed, too', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const outer = db.transaction(async (trx) => {
        await trx.raw('select no_such_function()').catch(() => undefined)
        const nested = trx.transaction((inner) => inner.emit(event('a')))
        await expect(nested).rejects.toMatchObject({ code: '25P02' })
      })
      await expect(outer).rejects.toThrow(/./)
      expect(await database.types()).toEqual([])
    })

    test('transactionProvider', async () => {
      const database = await testDatabase()
      const provider = withOutbox(open(database)).transactionProvider()
      const trx = await provider()
      void trx.emit(event('a'))
      await (await provider()).commit()
      expect(await database.types()).toEqual(['a'])
    })

    test('savepoint()', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      await db.transaction(async (trx) => {
        await trx.savepoint(async (nested) => {
          void nested.emit(event('a'))
        })
        const failing = trx.savepoint(async (nested) => {
          await nested.emit(event('b'))
          throw new Error('inner')
        })
        await expect(failing).rejects.toThrow('inner')
      })
      expect(await database.types()).toEqual(['a'])
    })

    test('a callback that returns no promise and ends the transaction itself', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      await db.transaction((trx) => {
        trx.emit(event('a')).then(
          () => trx.commit(),
          (error: unknown) => trx.rollback(error),
        )
      })
      const failing = db.transaction((trx) => {
        trx.emit(event('')).then(
          () => trx.commit(),
          (error: unknown) => trx.rollback(error),
        )
      })
      await expect(failing).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
      const swallowing = db.transaction((trx) => {
        void trx.emit(event(''))
        void trx.commit()
      })
      await expect(swallowing).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
      expect(await database.types()).toEqual(['a'])
    })

    test('a callback that commits or rolls back by itself', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      await db.transaction(async (trx) => {
        void trx.emit(event('a'))
        trx.afterCommit(() => hooks.push('a'))
        await trx.commit('value')
        expect(hooks).toEqual(['a'])
      })
      await db.transaction(async (trx) => {
        void trx.emit(event('b'))
        trx.afterCommit(() => hooks.push('b'))
        await trx.rollback()
      })
      expect(await database.types()).toEqual(['a'])
      expect(hooks).toEqual(['a'])
    })

    test('then, catch, finally and asCallback of the transaction', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const hooks: string[] = []
      const run = (name: string): Promise<string> =>
        db.transaction(async (trx) => {
          trx.afterCommit(() => sleep(10).then(() => hooks.push(name)))
          return name
        })
      expect(await run('then')).toBe('then')
      await run('finally').finally(() => expect(hooks).toContain('finally'))
      await new Promise((resolve) => {
        const transaction = run('callback') as unknown as {
          asCallback(callback: (error: unknown, value: unknown) => void): void
        }
        transaction.asCallback((error, value) => resolve(expect([error, value]).toEqual([null, 'callback'])))
      })
      expect(hooks).toEqual(['then', 'finally', 'callback'])
      const failed = await db
        .transaction((trx) => trx.emit(event('')))
        .catch((error: { code: unknown }) => error.code)
      expect(failed).toBe('OUTBOX_EVENT_INVALID')
    })

    test('transactions opened through another reference to the instance', async () => {
      const database = await testDatabase()
      const plain = open(database)
      withOutbox(plain)
      const emit = createEmit()
      const transaction = plain.transaction(async (trx) => {
        await emit(trx, event('')).catch(() => undefined)
      })
      await expect(transaction).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
    })

    test('copies made by withUserParams', async () => {
      const database = await testDatabase()
      const copy = withOutbox(open(database)).withUserParams({ tenant: 'a' })
      const emit = createEmit()
      const transaction = copy.transaction(async (trx) => {
        void emit(trx, event('a'))
      })
      await transaction
      expect(await database.types()).toEqual(['a'])
      expect(() => (copy as unknown as { emit(input: unknown): void }).emit(event('b'))).toThrow(
        expect.objectContaining({ code: 'OUTBOX_NO_TRANSACTION' }),
      )
      await copy.destroy()
    })

    test('a transaction that cannot begin', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database, { acquireConnectionTimeout: 100 }))
      const holder = await db.transaction()
      await expect(db.transaction((trx) => trx.emit(event('a')))).rejects.toThrow(/pool|timeout/i)
      const wrong = async (): Promise<unknown> =>
        holder.transaction(async () => 1, { isolationLevel: 'none' as never })
      await expect(wrong()).rejects.toThrow('isolationLevel')
      // Neither left a nested transaction open.
      await holder.emit(event('b'))
      await holder.commit()
      expect(await database.types()).toEqual(['b'])
    })
  })

  describe('round trips', () => {
    const statements = async (
      body: (trx: { emit(event: OutboxEvent): Promise<string> } & Knex) => unknown,
    ) => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      await db.raw('select 1')
      const seen: string[] = []
      db.on('query', ({ sql }: { sql: string }) => seen.push(sql.split(' ')[0]?.toLowerCase() ?? ''))
      await db.transaction(async (trx) => void (await body(trx)))
      return seen
    }

    test('an emit is one more', async () => {
      expect(await statements((trx) => void trx.emit(event('a')))).toEqual(['begin;', 'insert', 'commit;'])
    })

    test('statements after the last emit cost none: pg tells that the transaction is healthy', async () => {
      const seen = await statements(async (trx) => {
        await trx.emit(event('a'))
        await trx('rows').insert({ id: 1 })
      })
      expect(seen).toEqual(['begin;', 'insert', 'insert', 'commit;'])
    })

    test('a failure on the raw connection, which Knex does not hear of, is noticed', async () => {
      const database = await testDatabase()
      const db = withOutbox(open(database))
      const transaction = db.transaction(async (trx) => {
        await trx.emit(event('a'))
        const connection = (await trx.client.acquireConnection()) as { query(sql: string): Promise<unknown> }
        await connection.query('select nonsense').catch(() => undefined)
      })
      await expect(transaction).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ABORTED' })
    })
  })
})
