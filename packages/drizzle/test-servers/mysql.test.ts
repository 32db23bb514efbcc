import { createTablesSql, tableDefinition, resolveTable } from '@outboxkit/core'
import { createEmit, mysqlOutboxTables, withOutbox, type OutboxEvent } from '@outboxkit/drizzle'
import { eq, is, SQL, sql } from 'drizzle-orm'
import { getTableConfig, MySqlDialect } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { createConnection, createPool } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../test-matrix/services/test-context.js'
import { version } from './drivers.js'

const event = (type: string, rest: Partial<OutboxEvent> = {}): OutboxEvent => ({
  type,
  aggregateType: 'order',
  aggregateId: 1,
  payload: { of: type },
  ...rest,
})
const text = `it's "quoted" \\ ä€𝄞 値 ? :name`
const options = { uniqueId: true }
const unwrapped = (expression: string): string => expression.replace(/^\((.*)\)$/, '$1')

const servers = [
  { server: 'MySQL', url: () => inject('mysqlUrl') },
  { server: 'MariaDB', url: () => inject('mariadbUrl') },
] as const

describe.each(servers)(`drizzle ${version} on $server`, ({ url }) => {
  let database: FreshDatabase
  beforeAll(async () => {
    database = await freshDatabase(url(), 'drizzle')
    for (const statement of createTablesSql('mysql', options)) await database.query(statement)
  })
  beforeEach(async () => void (await database.query('delete from outbox')))
  afterAll(() => database.drop())
  const stored = (): Promise<{ type: string; payload: string }[]> =>
    database.query('select type, payload from outbox order by position')
  const open = (settings: object = {}) => {
    const pool = createPool({ uri: database.url, connectionLimit: 2, ...settings })
    onTestFinished(() => pool.end())
    return drizzle({ client: pool })
  }

  test.each(['outbox', 'outboxLease', 'outboxHeld'] as const)('%s is what our DDL makes', async (name) => {
    const dialect = new MySqlDialect()
    const { name: tableName, columns, indexes } = getTableConfig(mysqlOutboxTables(options)[name])
    const declared = columns.map((column) => ({
      name: column.name,
      type: column.getSQLType(),
      notNull: column.notNull,
      primary: column.primary,
      identity: (column as { autoIncrement?: boolean }).autoIncrement === true,
      default: is(column.default, SQL)
        ? unwrapped(dialect.sqlToQuery(column.default).sql)
        : ((column.default as number | undefined)?.toString() ?? null),
    }))
    const rows = await database.query<Record<string, string | null>>(
      `select column_name as name, is_nullable as nullable, column_key as k, extra as extra, column_default as d,
         column_type as type
       from information_schema.columns where table_schema = database() and table_name = ? order by ordinal_position`,
      [tableName],
    )
    expect(declared).toEqual(
      rows.map((row) => ({
        name: row['name'],
        // MariaDB adds how wide a number is shown.
        type: row['type']?.replace(/int\(\d+\)/, 'int'),
        notNull: row['nullable'] === 'NO',
        primary: row['k'] === 'PRI',
        identity: row['extra']?.includes('auto_increment') === true,
        // Of a column without a default, MariaDB says NULL as text.
        default: row['d'] === 'NULL' || row['d'] === null ? null : unwrapped(row['d'] ?? ''),
      })),
    )
    const kind = ({ outbox: 'outbox', outboxLease: 'lease', outboxHeld: 'held' } as const)[name]
    expect(columns).toHaveLength(tableDefinition(resolveTable(options), kind).columns.length)
    const catalogue = await database.query<{ name: string; isUnique: number; columns: string }>(
      `select index_name as name, not max(non_unique) as isUnique, group_concat(column_name order by seq_in_index) as columns
       from information_schema.statistics where table_schema = database() and table_name = ? and index_name <> 'PRIMARY'
       group by index_name`,
      [tableName],
    )
    expect(
      indexes.map(({ config }) => ({
        name: config.name,
        isUnique: config.unique === true ? 1 : 0,
        columns: config.columns.map((column) => (column as { name: string }).name).join(','),
      })),
    ).toEqual(catalogue)
  })

  test('reads what was emitted', async () => {
    const db = withOutbox(open({ timezone: '+09:00' }))
    const { outbox } = mysqlOutboxTables()
    const id = await db.transaction((tx) =>
      tx.emit(event('a', { aggregateId: text, headers: { tenant: 'x' } })),
    )
    const rows = await db.select().from(outbox).where(eq(outbox.aggregateId, text))
    expect(rows).toEqual([
      {
        position: expect.any(Number),
        id,
        aggregateType: 'order',
        aggregateId: text,
        type: 'a',
        payload: '{"of":"a"}',
        headers: '{"tenant":"x"}',
        topic: null,
        createdAt: expect.any(Date),
      },
    ])
    expect(Math.abs(Date.now() - Number(rows[0]?.createdAt))).toBeLessThan(60_000)
  })

  test.each([
    ['multipleStatements', { multipleStatements: true }],
    ['namedPlaceholders', { namedPlaceholders: true }],
    ['rowsAsArray', { rowsAsArray: true }],
    ['big numbers as text', { supportBigNumbers: true, bigNumberStrings: true }],
    ['no session tracking', { flags: ['-SESSION_TRACK'] }],
    ['compression', { compress: true }],
    ['the character set latin1', { charset: 'latin1' }],
    ['the character set utf8mb3', { charset: 'UTF8_GENERAL_CI' }],
  ])('an option of the pool changes nothing: %s', async (_, settings) => {
    const db = withOutbox(open(settings))
    for (const type of ['a', 'b'])
      await db.transaction(async (tx) => {
        await tx.emit(event(type, { payload: text }))
        void tx.emit(event(text, { payload: [1.1] }))
      })
    const payload = JSON.stringify(text)
    expect(await stored()).toEqual([
      { type: 'a', payload },
      { type: text, payload: '[1.1]' },
      { type: 'b', payload },
      { type: text, payload: '[1.1]' },
    ])
  })

  test('two transactions at the same time on one connection: BEGIN commits the first, which says so', async () => {
    const connection = await createConnection(database.url)
    onTestFinished(() => connection.end())
    const db = withOutbox(drizzle({ client: connection }))
    const run = (type: string): Promise<unknown> =>
      db.transaction(async (tx) => {
        await tx.emit(event(`${type} 1`))
        await tx.execute(sql`do sleep(0.05)`)
        await tx.emit(event(`${type} 2`))
      })
    const results = await Promise.allSettled([run('a'), run('b')])
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0)
  })

  test('the function form on a transaction that has ended', async () => {
    const db = open()
    const emit = createEmit()
    const kept = await db.transaction(async (tx) => {
      await emit(tx, event('a'))
      return tx
    })
    await db.transaction(async () => {
      // Its connection may be in this transaction now, which is none of its business.
      await expect(emit(kept, event('late'))).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ABORTED' })
    })
    expect((await stored()).map(({ type }) => type)).toEqual(['a'])
  })

  test('an event larger than max_allowed_packet: our error, and the pool lives on', async () => {
    const [row] = await database.query<{ bytes: number }>('select @@max_allowed_packet as bytes')
    const bytes = Number(row?.bytes)
    const db = withOutbox(open(), { maxPayloadBytes: 2 * bytes })
    for (const isSwallowed of [false, true]) {
      const transaction = db.transaction(async (tx) => {
        const emitted = tx.emit(event('too large', { payload: 'x'.repeat(bytes) }))
        await (isSwallowed ? emitted.catch(() => undefined) : emitted)
      })
      await expect(transaction).rejects.toMatchObject({
        code: 'OUTBOX_INSERT_FAILED',
        message: expect.stringContaining('max_allowed_packet') as string,
      })
    }
    await db.transaction((tx) => tx.emit(event('after')))
    expect((await stored()).map(({ type }) => type)).toEqual(['after'])
  })

  test('says that the table is not there; refuses lockKey', async () => {
    const failing = withOutbox(open(), { table: { name: 'nowhere' } }).transaction((tx) =>
      tx.emit(event('a')),
    )
    await expect(failing).rejects.toMatchObject({
      code: 'OUTBOX_INSERT_FAILED',
      message: expect.stringContaining('not there') as string,
    })
    const option = expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID' }) as Error
    expect(() => withOutbox(open(), { lockKey: true })).toThrow(option)
    const emit = createEmit({ lockKey: true })
    await expect(open().transaction((tx) => emit(tx, event('a')))).rejects.toEqual(option)
  })
})
