import { withOutbox, type OutboxEvent } from '@outboxkit/knex'
import type { Knex } from 'knex'
import { describe, expect, onTestFinished, test } from 'vitest'
import { testDatabase, type TestDatabase } from './database.js'
import { versions } from './versions.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })
type Emitter = { emit(...args: unknown[]): unknown }

describe.each(versions)('EventEmitter and emit(), $version:', ({ knex }) => {
  const open = (database: TestDatabase, config: Knex.Config = {}): Knex => {
    const db = knex({ client: 'pg', connection: database.url, pool: { min: 0, max: 2 }, ...config })
    onTestFinished(() => db.destroy())
    return db
  }

  test("Knex' own events reach their listeners, on trx and on the instance", async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    const seen: string[] = []
    db.on('query', () => seen.push('db query'))
    await db.transaction(async (trx) => {
      trx.on('query', () => seen.push('trx query'))
      trx.on('query-response', () => seen.push('trx response'))
      trx.on('query-error', () => seen.push('trx error'))
      await trx.emit(event('a'))
      await trx.transaction((nested) => nested.raw('select nonsense')).catch(() => undefined)
    })
    expect(seen.filter((name) => name === 'trx query').length).toBeGreaterThan(0)
    expect(new Set(seen)).toEqual(new Set(['db query', 'trx query', 'trx response', 'trx error']))
    expect(await database.types()).toEqual(['a'])
  })

  test('a string without a listener throws, and fails the transaction when that is swallowed', async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    for (const swallowed of [false, true]) {
      const transaction = db.transaction(async (trx) => {
        await trx('rows').insert({ id: 1 })
        try {
          ;(trx as Emitter).emit('order.placed', { total: 1 })
        } catch (error) {
          if (!swallowed) throw error
        }
      })
      await expect(transaction).rejects.toMatchObject({
        code: 'OUTBOX_EVENT_INVALID',
        message: expect.stringContaining('order.placed'),
      })
    }
    expect(await database.query('select * from rows')).toEqual([])
  })

  test('a string with a listener is an event of EventEmitter', async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    await db.transaction(async (trx) => {
      const seen: unknown[] = []
      trx.once('order.placed', (...args: unknown[]) => seen.push(...args))
      expect((trx as Emitter).emit('order.placed', 1, 2)).toBe(true)
      expect(seen).toEqual([1, 2])
    })
    expect(await database.types()).toEqual([])
  })

  test('several arguments are refused: the second would be lost', async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    const transaction = db.transaction(async (trx) => {
      ;(trx as Emitter).emit(event('a'), event('b'))
    })
    await expect(transaction).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
    expect(await database.types()).toEqual([])
  })

  test('emit and afterCommit work without their handle', async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    const hooks: string[] = []
    await db.transaction(async (trx) => {
      // oxlint-disable-next-line typescript/unbound-method -- that is what is tried
      const { emit, afterCommit } = trx
      await emit(event('a'))
      afterCommit(() => hooks.push('ran'))
    })
    expect([await database.types(), hooks]).toEqual([['a'], ['ran']])
  })

  test('the instance: objects throw at once, strings stay with EventEmitter', async () => {
    const database = await testDatabase()
    const db = withOutbox(open(database))
    for (const input of [event('a'), [event('a')], undefined])
      expect(() => (db as Emitter).emit(input)).toThrow(
        expect.objectContaining({ code: 'OUTBOX_NO_TRANSACTION' }),
      )
    const seen: unknown[] = []
    db.on('own', (value: unknown) => seen.push(value))
    expect((db as Emitter).emit('own', 1)).toBe(true)
    expect((db as Emitter).emit('nobody listens')).toBe(false)
    expect(seen).toEqual([1])
  })

  test('wrapIdentifier and postProcessResponse leave our statements alone', async () => {
    const database = await testDatabase()
    const results: unknown[] = []
    const db = withOutbox(
      open(database, {
        wrapIdentifier: (name, original) => original(name === '*' ? name : `app_${name}`),
        postProcessResponse: (result: unknown) => {
          results.push(result)
          return { wrapped: result }
        },
      }),
    )
    await database.query('create table app_things (app_id int)')
    await db.transaction(async (trx) => {
      await trx('things').insert({ id: 1 })
      expect(await trx.emit(event('a'))).toMatch(/^[0-9a-f-]{36}$/)
    })
    expect(await database.types()).toEqual(['a'])
  })
})
