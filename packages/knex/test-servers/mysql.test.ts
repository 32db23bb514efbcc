import { createEmit, createTablesSql, withOutbox, type OutboxEvent } from '@outboxkit/knex'
import type { Knex } from 'knex'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../test-matrix/services/test-context.js'
import { versions } from './versions.js'

const event = (type: string, rest: Partial<OutboxEvent> = {}): OutboxEvent => ({
  type,
  aggregateType: 'order',
  aggregateId: 1,
  payload: { of: type },
  ...rest,
})
const text = `it's "quoted" \\ ä€𝄞 値 ? :name`

// In beforeAll, because inject() gives nothing while the tests are collected.
const servers = [
  { server: 'MySQL', url: () => inject('mysqlUrl') },
  { server: 'MariaDB', url: () => inject('mariadbUrl') },
] as const

describe.each(servers)('on $server', ({ url }) => {
  let database: FreshDatabase
  beforeAll(async () => {
    database = await freshDatabase(url(), 'knex')
    for (const sql of createTablesSql('mysql')) await database.query(sql)
    await database.query('create table orders (id int primary key)')
  })
  beforeEach(async () => {
    await database.query('delete from outbox')
    await database.query('delete from orders')
  })
  afterAll(() => database.drop())
  const stored = (): Promise<{ type: string; payload: string }[]> =>
    database.query('select type, payload from outbox order by position')

  describe.each(versions)('knex $version', ({ knex, version }) => {
    const open = (connection: object = {}, options: object = {}): Knex => {
      const { hostname, port, username, password, pathname } = new URL(database.url)
      const db = knex({
        client: 'mysql2',
        connection: {
          host: hostname,
          port: Number(port),
          user: decodeURIComponent(username),
          password: decodeURIComponent(password),
          database: pathname.slice(1),
          ...connection,
        },
        pool: { min: 0, max: 2 },
        ...options,
      })
      onTestFinished(() => db.destroy())
      return db
    }

    test.each([
      ['multipleStatements', { multipleStatements: true }],
      ['namedPlaceholders', { namedPlaceholders: true }],
      ['rowsAsArray', { rowsAsArray: true }],
      ['big numbers as text', { supportBigNumbers: true, bigNumberStrings: true }],
      ['a typeCast of its own', { typeCast: () => 'changed' }],
      ['a time zone', { timezone: '+09:00' }],
      ['dates as text', { dateStrings: true }],
      ['stringifyObjects', { stringifyObjects: true }],
      ['no session tracking', { flags: ['-SESSION_TRACK'] }],
      ['found rows off', { flags: ['-FOUND_ROWS'] }],
      ['compression', { compress: true }],
      ['the character set latin1', { charset: 'latin1' }],
      ['the character set utf8mb3', { charset: 'UTF8_GENERAL_CI' }],
    ])('an option of the connection changes nothing: %s', async (_, connection) => {
      const db = withOutbox(open(connection))
      for (const type of ['a', 'b'])
        await db.transaction(async (trx) => {
          await trx('orders').insert({ id: type.charCodeAt(0) })
          await trx.emit(event(type, { payload: text }))
          void trx.emit(event(text, { payload: [1.1] }))
        })
      expect(await stored()).toEqual([
        { type: 'a', payload: JSON.stringify(text) },
        { type: text, payload: '[1.1]' },
        { type: 'b', payload: JSON.stringify(text) },
        { type: text, payload: '[1.1]' },
      ])
    })

    test('in several statements of one text, a COMMIT among them is noticed', async () => {
      const db = withOutbox(open({ multipleStatements: true }))
      const run = (sql: string): Promise<unknown> =>
        db.transaction(async (trx) => {
          await trx.emit(event('first'))
          await trx.raw(sql)
          await trx.emit(event('second'))
        })
      for (const sql of [
        'select 1; commit',
        'do 1; commit; begin',
        'select 1; create table made (a int); begin',
      ])
        await expect(run(sql)).rejects.toMatchObject({ name: 'OutboxError' })
      await database.query('drop table made')
      await database.query('delete from outbox')
      await run("select 'a; commit'; insert into orders values (7)")
      expect(await stored()).toHaveLength(2)
    })

    test('a stored procedure that commits is noticed; one that does not changes nothing', async () => {
      await database.query('create procedure ends() begin insert into orders values (1); commit; end')
      await database.query('create procedure stays() begin insert into orders values (2); select 1; end')
      const db = withOutbox(open())
      const run = (sql: string): Promise<unknown> =>
        db.transaction(async (trx) => {
          await trx.emit(event(sql))
          await trx.raw(sql)
          await trx.emit(event('second'))
        })
      await expect(run('call ends()')).rejects.toMatchObject({
        code: 'OUTBOX_TRANSACTION_ENDED',
        cause: { code: 'OUTBOX_TRANSACTION_ABORTED' },
      })
      await run('call stays()')
      expect((await stored()).map(({ type }) => type)).toEqual(['call ends()', 'call stays()', 'second'])
      await database.query('drop procedure ends')
      await database.query('drop procedure stays')
    })

    test('streams and prepared statements on the raw connection change nothing', async () => {
      const db = withOutbox(open())
      await db.transaction(async (trx) => {
        await trx.emit(event('a'))
        for await (const row of trx.select(trx.raw('1 as one')).stream()) expect(row).toEqual({ one: 1 })
        const connection = (await (
          trx.client as { acquireConnection(): Promise<unknown> }
        ).acquireConnection()) as { execute(sql: string, done: (error: unknown) => void): void }
        await new Promise((done) => connection.execute('select 1', done))
        await new Promise((done) => connection.execute('select nothing', done))
        await trx.emit(event('b'))
      })
      expect((await stored()).map(({ type }) => type)).toEqual(['a', 'b'])
    })

    test('the promise form and a nested transaction whose savepoint is gone', async () => {
      const db = withOutbox(open())
      const trx = await db.transaction()
      const inner = await trx.transaction()
      await inner.emit(event('lost'))
      await trx.raw('rollback')
      await expect(inner.commit()).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ABORTED' })
      await trx.rollback()
      expect(await stored()).toEqual([])
    })

    test('an event larger than max_allowed_packet: our error, and the pool lives on', async () => {
      const [row] = await database.query<{ bytes: number }>('select @@max_allowed_packet as bytes')
      const bytes = Number(row?.bytes)
      const db = withOutbox(open(), { maxPayloadBytes: 2 * bytes })
      // 64 MiB each: a form of the test for each version is enough.
      for (const how of version === 'newest' ? ['swallowed', 'un-awaited'] : ['awaited']) {
        const transaction = db.transaction(async (trx) => {
          await trx('orders').insert({ id: 1 })
          const emitted = trx.emit(event('too large', { payload: 'x'.repeat(bytes) }))
          if (how === 'awaited') await emitted
          if (how === 'swallowed') await emitted.catch(() => undefined)
        })
        await expect(transaction).rejects.toMatchObject({
          code: 'OUTBOX_INSERT_FAILED',
          message: expect.stringContaining('max_allowed_packet') as string,
        })
      }
      expect(await database.query('select * from orders')).toEqual([])
      await db.transaction((trx) => trx.emit(event('after')))
      expect((await stored()).map(({ type }) => type)).toEqual(['after'])
    })

    test('several events that are larger together go in several statements', async () => {
      const db = withOutbox(open())
      const payload = '"'.repeat(400_000)
      const types = Array.from({ length: 45 }, (_, index) => `e${index}`)
      await db.transaction((trx) => trx.emit(types.map((type) => event(type, { payload }))))
      const rows = await stored()
      expect(rows.map(({ type }) => type)).toEqual(types)
      expect(new Set(rows.map((row) => row.payload))).toEqual(new Set([JSON.stringify(payload)]))
    })

    test('says what is missing: the table, the right, the size of a column', async () => {
      await database.query('create table small like outbox')
      await database.query('alter table small modify payload varchar(5)')
      await database.query("create user if not exists reader identified by 'secret'")
      await database.query('grant select on *.* to reader')
      const failed = (db: Knex, name: string): Promise<unknown> =>
        withOutbox(db, { table: { name } })
          .transaction((trx) => trx.emit(event('a')))
          .then(
            () => 'stored',
            (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
          )
      expect(await failed(open(), 'nowhere')).toMatch(/^OUTBOX_INSERT_FAILED: The outbox table is not there/)
      expect(await failed(open(), 'small')).toMatch(/^OUTBOX_INSERT_FAILED: A column .* is too small/)
      const reader = open({ user: 'reader', password: 'secret' })
      expect(await failed(reader, 'outbox')).toMatch(/^OUTBOX_INSERT_FAILED: .*GRANT INSERT/)
      await database.query('drop table small')
    })

    test('lockKey is refused', async () => {
      const option = expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID' }) as Error
      expect(() => withOutbox(open(), { lockKey: true })).toThrow(option)
      const emit = createEmit({ lockKey: true })
      await expect(open().transaction((trx) => emit(trx, event('a')))).rejects.toEqual(option)
      expect(await stored()).toEqual([])
    })
  })
})
