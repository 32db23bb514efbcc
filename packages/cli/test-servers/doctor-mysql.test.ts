import { createConnection, type Connection } from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { startMysql } from '../../../test-matrix/services/mysql.js'
import type { MysqlServer } from '../../../test-matrix/services/server.js'
import { freshDatabase, uniqueName, type FreshDatabase } from '../../../test-matrix/services/test-context.js'
import type { DoctorOptions } from '../src/index.js'
import { complaints, createTables, one, outboxOf } from './doctor-support.js'

const impatient: DoctorOptions = { limits: { oldTransactionMs: -1, oldBacklogMs: 0, historyLength: -1 } }
const event = `(id, aggregatetype, aggregateid, type, payload) values (uuid(), 'order', '1', 'order.placed', '{}')`

/** What is planted, and what is to be found. */
interface Fault {
  readonly statement: string
  readonly start: string
  readonly part: string
  /** Where both servers take the same way, one of them is enough. */
  readonly only?: string
}

const faults: readonly Fault[] = [
  {
    statement: 'alter table outbox_lease engine = MyISAM',
    start: 'fatal engine',
    part: 'engine = InnoDB',
    only: 'mysql',
  },
  { statement: 'alter table outbox drop column topic', start: 'fatal columns', part: 'topic', only: 'mysql' },
  {
    statement: 'alter table outbox modify type varchar(200) not null',
    start: 'warning table-drift',
    part: 'type is varchar(200)',
  },
  { statement: 'drop table outbox_held', start: 'fatal tables', part: 'outbox_held' },
  {
    statement: 'alter table outbox modify position smallint not null auto_increment, auto_increment = 31000',
    start: 'fatal sequence-range',
    part: '95 %',
    only: 'mysql',
  },
  {
    statement: 'alter table outbox partition by range (position) (partition p1 values less than (1000))',
    start: 'warning partitions',
    part: 'values less than maxvalue',
  },
  {
    statement: 'insert into outbox_lease (id, schema_version) values (1, 99)',
    start: 'fatal schema-version',
    part: 'version 99',
    only: 'mysql',
  },
]

let tables: FreshDatabase

describe.each(['mysql', 'mariadb'] as const)('%s', (server) => {
  beforeEach(async () => {
    tables = await freshDatabase(inject(`${server}Url`), 'doctor')
    await createTables('mysql', (statement) => tables.query(statement))
  })
  afterEach(() => tables.drop())

  const found = (options?: DoctorOptions): Promise<string[]> => complaints(outboxOf(tables), options)

  it('that is set up for tests is not durable, and that is all', async () => {
    const all = await found()
    expect(all).toEqual(one('warning innodb-flush', 'innodb_flush_log_at_trx_commit is 2', 'Set it to 1'))
    expect(all).toEqual(one('warning doublewrite'))
    expect(all.some((text) => text.startsWith('warning sync-binlog'))).toBe(server === 'mysql')
    const known = /innodb-flush|doublewrite|sync-binlog|lease/
    // The sizes of packets differ: a payload of 900,000 bytes fits into 16 MB.
    expect(all.filter((text) => !known.test(text) && !text.startsWith('info'))).toEqual([])
  })

  it.each(faults.filter(({ only }) => only === undefined || only === server))(
    '$statement',
    async ({ statement, start, part }) => {
      await tables.query(statement)
      expect(await found()).toEqual(one(`${start}:`, part))
    },
  )

  it('with a backlog, held events and a transaction that stays open', async () => {
    await tables.query(`insert into outbox ${event}`)
    await tables.query(
      `insert into outbox_held (position, id, aggregatetype, type, scope_kind, scope, code, reason)
      values (7, uuid(), 'order', 'order.placed', 'topic', 'orders', 'OUTBOX_PUBLISH_RETRY', 'no such topic')`,
    )
    const other = await tables.pool.getConnection()
    try {
      await other.query('start transaction')
      await other.query(`insert into outbox ${event}`)
      const all = await found(impatient)
      expect(all).toEqual(one('info lease', '1 event waits'))
      expect(all).toEqual(one('warning held', '1 by topic', 'no such topic'))
      // InnoDB shows its transactions as they were up to 0.1 s ago, when somebody has looked in between.
      await expect
        .poll(() => found(impatient), { interval: 150 })
        .toEqual(one('warning old-transactions', `session ${other.threadId}`, `kill ${other.threadId}`))
      expect(all).toEqual(one('warning purge-lag', 'undo logs'))
    } finally {
      await other.query('rollback')
      other.release()
    }
    expect((await found()).join('\n')).not.toMatch(/old-transactions|purge-lag/)
  })

  it('with a prepared transaction', async () => {
    const other = await tables.pool.getConnection()
    const id = uniqueName('doctor')
    await other.query(`xa start '${id}'`)
    await other.query(`insert into outbox ${event}`)
    await other.query(`xa end '${id}'`)
    await other.query(`xa prepare '${id}'`)
    try {
      expect(await found()).toEqual(one('info prepared-transactions', 'prepared transactions (XA)'))
    } finally {
      await other.query(`xa rollback '${id}'`)
      other.release()
    }
  })

  it('as an account of its own is told every grant that it lacks, and is content when it has run them', async () => {
    const name = uniqueName('d').slice(0, 20)
    await tables.query(`create user '${name}'@'%' identified by 's€cret'`)
    try {
      await tables.query(`grant select on outbox to '${name}'@'%'`)
      await tables.query(`grant select on outbox_lease to '${name}'@'%'`)
      await tables.query(`grant select on outbox_held to '${name}'@'%'`)
      const address = new URL(tables.url)
      address.username = name
      address.password = encodeURIComponent('s€cret')
      const outbox = outboxOf({ url: address.href })
      const all = await complaints(outbox)
      const privileges = all.find((text) => text.startsWith('fatal privileges')) ?? ''
      expect(privileges).toContain(`grant delete on \`outbox\` to \`${name}\`@\`%\``)
      for (const grant of /Run: (.*)$/.exec(privileges)?.[1]?.split('; ') ?? []) await tables.query(grant)
      const then = await complaints(outbox)
      expect(then.filter((text) => text.startsWith('fatal'))).toEqual([])
      // what it cannot see is said, with the right that is missing
      expect(then).toEqual(one('info old-transactions', 'PROCESS'))
      expect(then).toEqual(one('info witness', 'PROCESS'))
    } finally {
      await tables.query(`drop user '${name}'@'%'`)
    }
  })
})

it('a database that is not there, without the password', async () => {
  const all = await complaints(outboxOf({ url: 'mysql://me:s3cret-pass@127.0.0.1:1/shop' }))
  expect(all).toHaveLength(1)
  expect(all).toEqual(one('fatal database-reachable', '127.0.0.1:1/shop'))
  expect(all.join()).not.toContain('s3cret')
})

describe('a server of its own', () => {
  let server: MysqlServer
  let client: Connection
  beforeAll(async () => {
    const durable = { sync_binlog: 1, innodb_flush_log_at_trx_commit: 1, innodb_doublewrite: 'ON' }
    server = await startMysql({ settings: durable })
    client = await createConnection(server.url)
    await createTables('mysql', (statement) => client.query(statement))
  })
  afterAll(async () => {
    await client.end()
    await server.remove()
  })

  const found = (maxPayloadBytes?: number): Promise<string[]> =>
    complaints(outboxOf({ url: server.url, ...(maxPayloadBytes === undefined ? {} : { maxPayloadBytes }) }))

  it('is well: nothing is said but that no relay has run', async () => {
    expect(await found()).toEqual([expect.stringContaining('info lease: No relay has run')])
  })

  it.each([
    ['sync_binlog', '0', 'warning sync-binlog'],
    ['innodb_flush_log_at_trx_commit', '0', 'warning innodb-flush'],
    ['auto_increment_increment', '2', 'fatal auto-increment'],
    ['read_only', 'on', 'fatal replica'],
    ['sql_mode', `''`, 'warning sql-mode'],
    ['max_allowed_packet', '1048576', 'info max-allowed-packet'],
    ['wait_timeout', '30', 'warning time-outs'],
    ['innodb_lock_wait_timeout', '3600', 'info time-outs'],
    ['binlog_row_image', `'MINIMAL'`, 'info binlog-format'],
    ['max_user_connections', '2', 'fatal connections'],
  ])('%s = %s', async (name, value, start) => {
    const [[before]] = (await client.query(`select @@global.${name} as value`)) as unknown as [
      { value: unknown }[],
    ]
    await client.query(`set global ${name} = ${value}`)
    try {
      expect(await found()).toEqual(one(`${start}:`))
    } finally {
      await client.query(`set global ${name} = ?`, [before?.value])
    }
  })

  it('with payloads larger than its packets', async () => {
    expect(await found(80_000_000)).toEqual(one('warning max-allowed-packet', 'maxPayloadBytes (80.0 MB)'))
  })
})
