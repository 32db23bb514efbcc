import type { StoredEvent } from '@outboxkit/core'
import { createTablesSql } from '@outboxkit/core'
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { startMysql } from '../../../test-matrix/services/mysql.js'
import type { MysqlPool, MysqlSource, MysqlSourceOptions } from '../src/mysql/index.js'
import { Tables } from './mysql-harness.js'

const never = new AbortController().signal
const servers = ['mysql', 'mariadb'] as const
const urlOf = (server: (typeof servers)[number]): string => inject(`${server}Url`)

let tables: Tables
afterEach(() => tables.dispose())

/** Opens a source; gives it with what it has warned of. */
async function openWith(
  options: Partial<MysqlSourceOptions> = {},
): Promise<{ source: MysqlSource; warnings: string[] }> {
  const warnings: string[] = []
  const source = tables.source({ ...options, onWarning: (message) => warnings.push(message) })
  const { leases } = tables.source()
  const owner = await leases.acquire({ owner: 'test', termMs: 60_000, unchangedSince: await leases.look() })
  await source.open(owner?.lease ?? { owner: '', epoch: 0 })
  return { source, warnings }
}

const warningsOf = async (options: Partial<MysqlSourceOptions> = {}): Promise<string> =>
  (await openWith(options)).warnings.join('\n')

/** Connections to a server that gives other answers to some statements: it looks like another one. */
function pretending(
  answers: Readonly<Record<string, (real: RowDataPacket[]) => unknown[][]>>,
): Partial<MysqlSourceOptions> {
  const connect = async (): Promise<unknown> => {
    const real: Connection = await mysql.createConnection(tables.url)
    return {
      execute: (options: object) => real.execute(options as never),
      async query(options: { sql: string }) {
        const [rows, fields] = await real.query<RowDataPacket[]>(options)
        const key = Object.keys(answers).find((text) => options.sql.includes(text))
        return [key === undefined ? rows : answers[key]?.(rows), fields]
      },
      destroy: () => real.destroy(),
      on: (event: 'error', listener: () => void) => real.on(event, listener),
    }
  }
  return { pool: { getConnection: connect } as MysqlPool }
}

const variable = (name: string, value: string) => ({
  'show global variables': (real: RowDataPacket[]) => [
    ...(real as unknown as string[][]).filter(([other]) => other !== name),
    [name, value],
  ],
})

const refused = (message: string): object => ({
  code: 'OUTBOX_SOURCE_UNSUPPORTED',
  message: expect.stringContaining(message),
})

describe.each(servers)('%s: open() refuses', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  it('a missing table, and says how to create it', async () => {
    await expect(openWith({ table: { name: 'nope' } })).rejects.toMatchObject(
      refused('There is no table `nope`, `nope_lease`'),
    )
    await tables.query(`drop table ${tables.held}`)
    await expect(openWith()).rejects.toMatchObject(refused('`outbox_held` in this database'))
  })

  it('a connection without a database', async () => {
    const { href } = new URL('/', tables.url)
    await expect(openWith({ url: href })).rejects.toMatchObject(refused('is the database right'))
  })

  it('a view', async () => {
    const at = tables.database
    for (const statement of createTablesSql('mysql', { name: 'seen', schema: at }))
      await tables.query(statement)
    await tables.query(`drop table ${at}.seen`)
    await tables.query(`create view ${at}.seen as select * from ${tables.outbox}`)
    await expect(openWith({ table: { name: 'seen' } })).rejects.toMatchObject(refused('is not a table'))
  })

  it.each([
    ['positions without numbers', ' auto_increment', '', 'auto_increment'],
    [
      'positions that are not the primary key',
      'primary key (`position`)',
      'primary key (`id`), key (`position`)',
      'primary key',
    ],
    ['a missing column', /`topic` [^,]*,/, '', 'lacks the column topic'],
    [
      'a payload of another type',
      /`payload` [^,]*,/,
      '`payload` longblob,',
      "payload is longblob, but the option table.payload says 'json'. Set it to 'bytes'",
    ],
    ['an engine without transactions', 'InnoDB', 'MyISAM', 'engine = InnoDB'],
  ])('%s', async (_, part, replacement, message) => {
    await tables.dropTables()
    for (const statement of createTablesSql('mysql', { schema: tables.database }))
      await tables.query(statement.includes('outbox_') ? statement : statement.replace(part, replacement))
    await expect(openWith()).rejects.toMatchObject(refused(message))
  })

  it('a lease that is not there, already when it is looked at', async () => {
    await tables.query(`drop table ${tables.lease}`)
    await expect(tables.source().leases.look()).rejects.toMatchObject(
      refused('`outbox_lease` in this database'),
    )
  })

  it.each([
    ['TiDB', 'select version()', [['8.0.11-TiDB-v8.5.0', 'TiDB Server']], 'This server is TiDB'],
    ['Vitess', 'select version()', [['8.0.30-Vitess', 'Version: 20']], 'This server is Vitess'],
    ['MySQL 5.7', 'select version()', [['5.7.44', 'MySQL Community Server']], 'MySQL 8.0.14 or newer'],
    ['MySQL 8.0.13', 'select version()', [['8.0.13', 'MySQL']], 'This server is MySQL 8.0.13'],
    ['MariaDB 10.5', 'select version()', [['5.5.5-10.5.27-MariaDB', '']], 'MariaDB 10.6 or newer'],
  ])('%s (by its answer)', async (_, statement, rows, message) => {
    await expect(openWith(pretending({ [statement]: () => rows }))).rejects.toMatchObject(refused(message))
  })

  it.each([
    ['a replica', variable('read_only', 'ON'), 'is read only (read_only)'],
    [
      'several servers that write',
      variable('auto_increment_increment', '2'),
      'auto_increment_increment is 2',
    ],
    [
      'a Galera cluster',
      { ...variable('wsrep_on', 'ON'), wsrep_cluster_size: () => [['wsrep_cluster_size', '3']] },
      'one of 3 nodes of a Galera cluster',
    ],
    [
      'a group with several primaries',
      {
        'show global variables': () => [
          ['group_replication_group_name', 'g'],
          ['group_replication_single_primary_mode', 'OFF'],
        ],
        replication_group_members: () => [[2]],
      },
      'several primaries',
    ],
  ])('%s (by its answer)', async (_, answers, message) => {
    if (server === 'mariadb' && 'replication_group_members' in answers) return
    await expect(openWith(pretending(answers))).rejects.toMatchObject(refused(message))
  })
})

describe.each(servers)('%s: an account of its own', (server) => {
  let account: string
  const password = `s€cret'${'x'.repeat(8)}`

  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
    account = `'${tables.database.slice(-20)}'@'%'`
    await tables.query(`create user ${account} identified by ?`, [password])
    tables.onDispose(async () => void (await tables.query(`drop user ${account}`)))
  })

  const as = (): Partial<MysqlSourceOptions> => {
    const address = new URL(tables.url)
    address.username = tables.database.slice(-20)
    address.password = encodeURIComponent(password)
    return { url: address.href }
  }

  const grantAll = async (): Promise<void> => {
    await tables.query(`grant select, delete on ${tables.outbox} to ${account}`)
    await tables.query(`grant select, insert, update on ${tables.lease} to ${account}`)
    await tables.query(`grant select, insert, update, delete on ${tables.held} to ${account}`)
  }

  it('is told which privileges it lacks', async () => {
    await tables.query(`grant select on ${tables.outbox} to ${account}`)
    await tables.query(`grant select on ${tables.lease} to ${account}`)
    await tables.query(`grant select on ${tables.held} to ${account}`)
    const missing = openWith(as())
    await expect(missing).rejects.toMatchObject(refused('grant delete on `outbox`'))
    await expect(openWith(as())).rejects.toMatchObject(refused('grant update on `outbox_lease`'))
    await expect(openWith(as())).rejects.toMatchObject(refused('grant delete on `outbox_held`'))
  })

  it('needs no others: it reads, waits and settles with these alone', async () => {
    await grantAll()
    const { source } = await openWith({ ...as(), noteIntervalMs: 10 })
    expect(source.stats?.witness).toBe('open')
    const [slow, gone, fast] = [await tables.writer(), await tables.writer(), await tables.writer()]
    await slow.begin()
    const low = await slow.insert()
    await gone.begin()
    await gone.insert()
    await gone.rollback()
    const high = await fast.insert()
    const { events } = await source.read(never)
    expect(events.map(({ position }) => position)).toEqual([high])
    await source.settle({ done: events, held: [] })
    await expect
      .poll(async () => ((await source.read(never)).events.length > 0 ? 'events' : source.stats?.holes))
      .toBe(1)
    await slow.commit()
    expect((await source.read(never)).events.map(({ position }) => position)).toEqual([low])
  })

  it('with more rights can name who inserts', async () => {
    await grantAll()
    await tables.query(`grant process on *.* to ${account}`)
    expect((await openWith(as())).source.stats?.witness).toBe('sessions')
    if (server === 'mariadb') return
    for (const name of ['metadata_locks', 'threads', 'events_statements_current', 'setup_instruments'])
      await tables.query(`grant select on performance_schema.${name} to ${account}`)
    expect((await openWith(as())).source.stats?.witness).toBe('statements')
  })

  it('never shows its password', async () => {
    const address = new URL(as().url ?? '')
    address.pathname = '/nowhere'
    const errors = [
      await openWith({ url: address.href }).catch((error: unknown) => error),
      await openWith({ url: address.href.replace('xxxx', 'yyyy') }).catch((error: unknown) => error),
      await openWith({ url: `${address.href.replace(/:\d+\//, ':1/')}` }).catch((error: unknown) => error),
    ]
    for (const error of errors) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^OUTBOX_/) })
      const shown = inspect(error, { depth: 10 })
      for (const secret of [password, encodeURIComponent(password), address.password])
        expect(shown).not.toContain(secret)
    }
  })
})

describe.each(servers)('%s: open() warns', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  it('of nothing on a durable server', async () => {
    const durable = { ...variable('innodb_flush_log_at_trx_commit', '1') }
    const sync = pretending({
      'show global variables': (real) => [
        ...(durable['show global variables'](real) as string[][]).filter(([name]) => name !== 'sync_binlog'),
        ['sync_binlog', '1'],
      ],
    })
    expect(await warningsOf(sync)).toBe('')
  })

  it('of commits that a crash may undo', async () => {
    expect(await warningsOf(pretending(variable('innodb_flush_log_at_trx_commit', '2')))).toContain(
      'innodb_flush_log_at_trx_commit is 2: after a crash',
    )
  })

  it('of another server than the one that was read before', async () => {
    expect(await warningsOf()).not.toContain('failover')
    expect(await warningsOf()).not.toContain('failover')
    await tables.query(`update ${tables.lease} set fingerprint = 'another'`)
    expect(await warningsOf()).toContain('a failover or a restore')
  })
})

describe('a server with small packets', () => {
  it('is settled in statements that fit, and read whatever the size of a row', async () => {
    const server = await startMysql({ settings: { 'max-allowed-packet': '1M' } })
    tables = await Tables.create(server.url)
    tables.onDispose(async () => undefined)
    try {
      const connection = await tables.connect()
      await connection.query('set cte_max_recursion_depth = 1000000')
      await connection.query(
        `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload)
        select uuid(), 'order', i, 'x', repeat('x', 100) from (with recursive n as (select 1 as i union all select i + 1 from n where i < 12000) select i from n) r`,
      )
      const { source } = await openWith({ maxBatchEvents: 12_000, maxBatchBytes: 100_000_000 })
      // the first read asks for fewer, as it does not know how large rows are
      const events: StoredEvent[] = []
      while (events.length < 12_000) {
        const found = (await source.read(never)).events
        expect(found).not.toEqual([])
        events.push(...found)
      }
      await source.settle({ done: events, held: [] })
      expect(await tables.positions()).toEqual([])
      // no statement of an application could carry such a row; it can still be made on the server
      await connection.query(
        `insert into ${tables.outbox} (id, aggregatetype, type, payload, headers)
        values (uuid(), 'order', 'x', repeat('x', 900000), repeat('y', 900000))`,
      )
      expect((await source.read(never)).events.map(({ payload }) => payload?.length)).toEqual([900_000])
    } finally {
      await tables.dispose()
      await server.remove()
      tables = await Tables.create(inject('mysqlUrl'))
    }
  })
})
