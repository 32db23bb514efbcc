import { createEmit, OutboxError, withOutbox } from '@outboxkit/knex'
import knex from 'knex'
import type { Knex } from 'knex'
import { describe, expect, test } from 'vitest'

const plain = (client: string): Knex => knex({ client })
const withCode = (code: string): unknown => expect.objectContaining({ name: 'OutboxError', code })

describe('withOutbox', () => {
  test.each(['pg', 'postgres', 'postgresql', 'pgnative', 'mysql', 'mysql2'])('takes %s', (client) => {
    const db = plain(client)
    expect(withOutbox(db)).toBe(db)
  })

  test.each(['cockroachdb', 'redshift', 'mssql', 'sqlite3', 'better-sqlite3', 'oracledb'])(
    'refuses %s',
    (client) => {
      const open = (): unknown => withOutbox(plain(client))
      expect(open).toThrow(withCode('OUTBOX_HANDLE_UNSUPPORTED'))
      expect(open).toThrow(/PostgreSQL.*MySQL/)
    },
  )

  test('takes a dialect of the application that extends a known one', () => {
    const { Client } = knex
    class Own extends (plain('pg').client.constructor as typeof Client) {}
    expect(() => withOutbox(knex({ client: Own }))).not.toThrow()
  })

  test.each([[undefined], [null], [{}], [1], [() => undefined], [{ client: {} }]])('refuses %s', (handle) => {
    expect(() => withOutbox(handle as never)).toThrow(withCode('OUTBOX_HANDLE_UNSUPPORTED'))
  })

  test('refuses an instance that has an outbox already, and a copy of it', () => {
    const db = withOutbox(plain('pg'))
    expect(() => withOutbox(db)).toThrow(/called before/)
    expect(() => withOutbox(db.withUserParams({}))).toThrow(/called before/)
  })

  test('refuses a transaction', () => {
    const trx = Object.assign(plain('pg'), { isTransaction: true })
    expect(() => withOutbox(trx)).toThrow(/takes the Knex instance/)
  })

  test('an option that there is not names the nearest', () => {
    const open = (options: object): unknown => withOutbox(plain('pg'), options)
    expect(() => open({ tabel: {} })).toThrow(/'tabel'.*'table'/)
    expect(() => open({ table: { schemas: 'x' } })).toThrow(/'schemas'.*'schema'/)
    expect(() => open({ maxPayloadBytes: 0 })).toThrow(withCode('OUTBOX_OPTION_INVALID'))
  })

  test('changes nothing when it refuses', () => {
    const db = plain('pg')
    const { transaction } = db.client as { transaction: unknown }
    expect(() => withOutbox(db, { bigint: 'number' as never })).toThrow(OutboxError)
    expect((db.client as { transaction: unknown }).transaction).toBe(transaction)
  })

  test('adds outbox only when asked to', () => {
    expect('outbox' in withOutbox(plain('pg'))).toBe(false)
    expect('outbox' in withOutbox(plain('pg'), { ambient: true })).toBe(true)
  })
})

test('createEmit refuses bad options at once, and handles when it is called', async () => {
  expect(() => createEmit({ tabel: {} } as never)).toThrow(withCode('OUTBOX_OPTION_INVALID'))
  const emit = createEmit() as (handle: unknown, event: unknown) => Promise<unknown>
  await expect(emit(plain('pg'), {})).rejects.toThrow(withCode('OUTBOX_NO_TRANSACTION'))
  await expect(emit(Object.assign(plain('mssql'), { isTransaction: true }), {})).rejects.toThrow(
    withCode('OUTBOX_HANDLE_UNSUPPORTED'),
  )
})
