// Handles that cannot work are refused with a sentence. Nothing here connects to a database.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { createEmit, isOutboxError, withOutbox, type OutboxError } from '@outboxkit/drizzle'
import { drizzle as d1 } from 'drizzle-orm/d1'
import { drizzle as mysqlProxy } from 'drizzle-orm/mysql-proxy'
import { drizzle as nodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as pgProxy } from 'drizzle-orm/pg-proxy'
import { drizzle as singlestoreProxy } from 'drizzle-orm/singlestore-proxy'
import { drizzle as sqliteProxy } from 'drizzle-orm/sqlite-proxy'
import pg from 'pg'
import { describe, expect, test } from 'vitest'

type Handle = Parameters<typeof withOutbox>[0]

const event = { type: 'a', aggregateType: 'order', aggregateId: 1, payload: {} }
const rows = async (): Promise<{ rows: never[] }> => ({ rows: [] })
const postgres = nodePostgres({ client: new pg.Pool() })

function errorOf(work: () => unknown): OutboxError {
  try {
    work()
  } catch (error) {
    if (isOutboxError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const entityKind = Symbol.for('drizzle:entityKind')

/** A handle of PostgreSQL with the session of a driver that is not installed here. */
function withSession(kind: string): unknown {
  class Session {
    static readonly [entityKind] = kind
  }
  return Object.create(postgres, { session: { value: new Session() } })
}

describe('withOutbox refuses', () => {
  test.each<[string, unknown, string]>([
    ['D1', d1({} as never), 'SQLiteAsyncDialect'],
    ['SQLite', sqliteProxy(rows), 'SQLiteAsyncDialect'],
    ['SingleStore', singlestoreProxy(rows), 'SingleStoreDialect'],
    ['the proxy of PostgreSQL', pgProxy(rows), 'no interactive transactions'],
    ['the proxy of MySQL', mysqlProxy(rows), 'no interactive transactions'],
    ['neon-http', withSession('NeonHttpSession'), 'no interactive transactions'],
    ['xata-http', withSession('XataHttpSession'), 'no interactive transactions'],
    ['something else', { transaction: () => {}, execute: () => {} }, 'no Drizzle handle'],
    ['null', null, 'no Drizzle handle'],
    ['undefined', undefined, 'no Drizzle handle'],
    ['a string', 'postgres://', 'no Drizzle handle'],
  ])('%s', (_, handle, text) => {
    const error = errorOf(() => withOutbox(handle as Handle))
    expect(error.code).toBe('OUTBOX_HANDLE_UNSUPPORTED')
    expect(error.message).toContain(text)
    expect(error.message).toMatch(/\.$/)
  })

  test.each(['neon-http', 'xata-http'])('%s by the name that it really has', (driver) => {
    const file = createRequire(import.meta.url)
      .resolve(`drizzle-orm/${driver}`)
      .replace(/index\.\w+$/, 'session.js')
    const kind = driver === 'neon-http' ? 'NeonHttpSession' : 'XataHttpSession'
    expect(readFileSync(file, 'utf8')).toContain(`[entityKind] = "${kind}"`)
  })

  test('options that do not exist', () => {
    const error = errorOf(() => withOutbox(postgres, { tabel: {} } as never))
    expect(error.code).toBe('OUTBOX_OPTION_INVALID')
    expect(error.message).toContain("'table'")
    expect(errorOf(() => createEmit({ evnts: {} } as never)).code).toBe('OUTBOX_OPTION_INVALID')
  })
})

describe('outside of a transaction', () => {
  test('db.emit throws at once', () => {
    const db = withOutbox(postgres) as unknown as { emit(event: unknown): unknown }
    expect(errorOf(() => db.emit(event)).code).toBe('OUTBOX_NO_TRANSACTION')
  })

  test('db.outbox is there only when asked for, and throws at once', () => {
    expect(withOutbox(postgres)).not.toHaveProperty('outbox')
    const db = withOutbox(postgres, { ambient: true })
    expect(errorOf(() => void db.outbox.emit(event)).code).toBe('OUTBOX_NO_TRANSACTION')
  })

  test.each<[string, unknown, string]>([
    ['the database', postgres, 'OUTBOX_NO_TRANSACTION'],
    ['the wrapped database', withOutbox(postgres), 'OUTBOX_NO_TRANSACTION'],
    ['another database', d1({} as never), 'OUTBOX_HANDLE_UNSUPPORTED'],
    ['no handle', {}, 'OUTBOX_HANDLE_UNSUPPORTED'],
    ['undefined', undefined, 'OUTBOX_HANDLE_UNSUPPORTED'],
  ])('the function form rejects with %s', async (_, handle, code) => {
    await expect(createEmit()(handle as never, event)).rejects.toMatchObject({ name: 'OutboxError', code })
  })
})
