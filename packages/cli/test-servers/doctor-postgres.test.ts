import { outboxMetrics } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { startPgBouncer } from '../../../test-matrix/services/pgbouncer.js'
import { startPostgres } from '../../../test-matrix/services/postgres.js'
import type { PostgresServer } from '../../../test-matrix/services/server.js'
import { freshSchema, uniqueName, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { diagnose, type DoctorOptions } from '../src/index.js'
import { complaints, createTables, one, outboxOf, texts } from './doctor-support.js'

/** Everything that is open or waits is old. */
const impatient: DoctorOptions = {
  limits: { oldTransactionMs: 0, oldSnapshotTransactions: 0, oldBacklogMs: 0 },
}
const event = `(id, aggregatetype, aggregateid, type, payload) values (gen_random_uuid(), 'order', '1', 'order.placed', '{}')`

let tables: FreshSchema
beforeEach(async () => {
  tables = await freshSchema(inject('postgresUrl'), 'doctor')
  await createTables('postgres', (statement) => tables.query(statement))
})
afterEach(() => tables.drop())

const found = (options?: DoctorOptions): Promise<string[]> => complaints(outboxOf(tables), options)

describe('a table', () => {
  it.each([
    ['alter sequence outbox_position_seq cache 20', 'fatal sequence-cache', 'cache 1'],
    [
      'alter sequence outbox_position_seq increment by -1 minvalue -9',
      'fatal sequence-direction',
      'increment by 1',
    ],
    [
      'alter sequence outbox_position_seq cycle',
      'warning sequence-cycle',
      'alter sequence outbox_position_seq no cycle',
    ],
    [
      'alter sequence outbox_position_seq as integer maxvalue 1000 restart 950; select nextval(pg_get_serial_sequence($$outbox$$, $$position$$))',
      'fatal sequence-range',
      '95 %',
    ],
    ['alter table outbox drop constraint outbox_pkey', 'fatal position-index', 'add primary key (position)'],
    ['alter table outbox drop column topic', 'fatal columns', 'topic'],
    [
      'alter table outbox alter aggregatetype type text',
      'warning table-drift',
      'outbox"?.aggregatetype is text',
    ],
    ['create index slow on outbox (created_at)', 'info table-drift', 'slow'],
    ['drop table outbox_held', 'fatal tables', 'outbox_held'],
    ['alter table outbox set (autovacuum_enabled = off)', 'warning autovacuum', 'reset (autovacuum_enabled)'],
    [`insert into outbox_lease (id, schema_version) values (1, 99)`, 'fatal schema-version', 'version 99'],
  ])('%s', async (statement, start, part) => {
    await tables.query(statement)
    const all = await found()
    expect(
      all.find((text) => text.startsWith(`${start}:`) && new RegExp(escaped(part)).test(text)),
      all.join('\n'),
    ).toBeDefined()
  })

  it('that is partitioned without a default partition', async () => {
    await tables.query('drop table outbox')
    await tables.query(
      `create table outbox (position bigint generated always as identity primary key, id uuid not null, aggregatetype varchar(255) not null,
        aggregateid varchar(255), type varchar(255) not null, payload json, headers json, topic varchar(249),
        created_at timestamptz not null default clock_timestamp()) partition by range (position)`,
    )
    await tables.query('create table outbox_1 partition of outbox for values from (1) to (1000)')
    expect(await found()).toEqual(one('warning partitions', 'outbox_default partition of "outbox" default'))
    await tables.query('create table outbox_default partition of outbox default')
    expect((await found()).join('\n')).not.toContain('partitions')
  })
})

it('an archive that is wanted and is not there', async () => {
  const outbox = outboxOf(tables)
  const withArchive: typeof outbox = {
    ...outbox,
    createSource: (options) => postgresSource({ url: tables.url, cleanup: 'archive', ...options }),
  }
  expect(await complaints(withArchive)).toEqual(one('fatal archive', 'outbox_archive', '--with archive'))
})

describe('the outbox', () => {
  it('that nobody serves, with an old backlog and held events', async () => {
    await tables.query(`insert into outbox ${event}`)
    await tables.query(
      `insert into outbox_held (position, id, aggregatetype, type, scope_kind, scope, code, reason)
      values (7, gen_random_uuid(), 'order', 'order.placed', 'key', '5:order:1', 'OUTBOX_PUBLISH_REJECTED', 'too large'),
        (8, gen_random_uuid(), 'order', 'order.placed', 'key', '5:order:1', 'OUTBOX_HELD_BEHIND', 'waits behind 7')`,
    )
    const all = await found(impatient)
    expect(all).toEqual(one('info lease', 'No relay has run on this outbox yet. 1 event waits.'))
    expect(all).toEqual(one('warning backlog', 'The oldest of 1 events'))
    expect(all).toEqual(
      one('warning held', '2 by key', 'The last: OUTBOX_PUBLISH_REJECTED, too large', 'outboxkit dead list'),
    )
    await tables.query(
      `insert into outbox_lease (id, owner, epoch, expires_at) values (1, 'gone', 3, now() - interval '1 hour')`,
    )
    expect(await found()).toEqual(one('warning lease', 'gone (epoch 3) has vanished', '1 h'))
    await tables.query(`update outbox_lease set expires_at = now() + interval '1 hour'`)
    expect((await found()).filter((text) => text.includes('lease'))).toEqual([])
  })
})

describe('a role of its own', () => {
  let role: string
  let url: string
  beforeEach(async () => {
    role = uniqueName('doctor').toLowerCase()
    await tables.query(`create role ${role} login`)
    const address = new URL(tables.url)
    address.username = role
    url = address.href
  })
  afterEach(async () => {
    await tables.query(`drop owned by ${role}`)
    await tables.query(`drop role ${role}`)
  })

  const as = (options?: DoctorOptions): Promise<string[]> => complaints(outboxOf({ url }), options)

  async function grants(): Promise<void> {
    await tables.query(`grant usage on schema ${tables.schema} to ${role}`)
    await tables.query(`grant select, delete on outbox to ${role}`)
    await tables.query(`grant select, insert, update on outbox_lease to ${role}`)
    await tables.query(`grant select, insert, update, delete on outbox_held to ${role}`)
    await tables.query(`grant select on sequence outbox_position_seq to ${role}`)
  }

  it('is told every grant that it lacks, and is content when it has run them', async () => {
    const address = outboxOf({ url, table: { schema: tables.schema } })
    const [first = ''] = await complaints(address)
    expect(first).toContain(`grant USAGE on schema "${tables.schema}" to ${role}`)
    await tables.query(/grant USAGE.*$/.exec(first)?.[0] ?? '')
    const [second = ''] = (await complaints(address)).filter((text) => text.startsWith('fatal privileges'))
    for (const grant of /Run: (.*)$/.exec(second)?.[1]?.split('; ') ?? []) await tables.query(grant)
    expect((await complaints(address)).filter((text) => text.startsWith('fatal'))).toEqual([])
  })

  it('says what it cannot see, and who may', async () => {
    await grants()
    const other = await tables.pool.connect()
    try {
      await other.query('begin')
      await other.query(`insert into outbox ${event}`)
      expect(await as(impatient)).toEqual(one('info old-transactions', 'pg_read_all_stats'))
      await tables.query(`grant pg_read_all_stats to ${role}`)
      expect(await as(impatient)).toEqual(one('warning old-transactions', 'It has written to the outbox'))
    } finally {
      await other.query('rollback')
      other.release()
    }
  })

  it.each([
    ['alter role ROLE set synchronous_commit = off', 'warning synchronous-commit'],
    ['alter role ROLE set default_transaction_read_only = on', 'fatal replica'],
    [`alter role ROLE set idle_session_timeout = '5s'`, 'warning time-outs'],
    ['alter table outbox enable row level security', 'fatal row-level-security'],
  ])('%s', async (statement, start) => {
    await grants()
    await tables.query(statement.replace('ROLE', role))
    expect(await as()).toEqual(one(`${start}:`))
  })

  it('with fewer connections than a relay keeps: it cannot even be looked at more closely', async () => {
    await grants()
    await tables.query(`alter role ${role} connection limit 2`)
    expect(await as()).toEqual(one('fatal connections', `alter role ${role} connection limit -1`))
  })
})

it('a database that is not there, without the password', async () => {
  const all = await complaints(outboxOf({ url: 'postgres://me:s3cret-pass@127.0.0.1:1/shop' }))
  expect(all).toHaveLength(1)
  expect(all).toEqual(one('fatal database-reachable', '127.0.0.1:1/shop'))
  expect(all.join()).not.toContain('s3cret')
})

describe('a server of its own', () => {
  let server: PostgresServer
  let client: pg.Client
  beforeAll(async () => {
    server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on' } })
    client = new pg.Client({ connectionString: server.url })
    client.on('error', () => undefined)
    await client.connect()
    await createTables('postgres', (statement) => client.query(statement))
    await client.query('create role relay login')
    for (const grant of [
      'pg_read_all_stats',
      'select, delete on outbox',
      'select, insert, update on outbox_lease',
      'select, insert, update, delete on outbox_held',
      'select on sequence outbox_position_seq',
    ])
      await client.query(`grant ${grant} to relay`)
  })
  afterAll(async () => {
    await client.end()
    await server.remove()
  })

  const asRelay = (options?: DoctorOptions): Promise<string[]> => {
    const address = new URL(server.url)
    address.username = 'relay'
    return complaints(outboxOf({ url: address.href }), options)
  }

  it('is well: nothing is said but that no relay has run', async () => {
    expect(await asRelay()).toEqual([expect.stringContaining('info lease: No relay has run')])
    const { lease } = await outboxMetrics(client)
    expect(lease, 'doctor has written nothing').toBeUndefined()
    const findings = await diagnose(outboxOf({ url: server.url }))
    expect(texts(findings).filter((text) => text.startsWith('info superuser'))).toHaveLength(1)
    expect(findings.filter(({ severity }) => severity === 'ok').length).toBeGreaterThan(25)
  })

  it('behind PgBouncer: that is said, and nothing else', async () => {
    await using pooler = await startPgBouncer(server.url)
    const all = await complaints(outboxOf({ url: pooler.url }))
    expect(all.filter((text) => !text.startsWith('info'))).toEqual([
      expect.stringContaining('warning pooler: The connection goes through a pooler'),
    ])
  })

  it.each([
    ['fsync', 'off', 'warning fsync'],
    ['full_page_writes', 'off', 'warning full-page-writes'],
    ['synchronous_commit', 'off', 'warning synchronous-commit'],
    ['autovacuum', 'off', 'warning autovacuum'],
    ['track_counts', 'off', 'warning autovacuum'],
  ])('%s = %s', async (name, value, start) => {
    await client.query(`alter system set ${name} = ${value}`)
    await client.query('select pg_reload_conf()')
    try {
      await expect
        .poll(async () => (await asRelay()).filter((text) => text.startsWith(`${start}:`)))
        .toHaveLength(1)
    } finally {
      await client.query(`alter system reset ${name}`)
      await client.query('select pg_reload_conf()')
    }
  })

  it('with transactions that stay open, prepared ones and a slot that nobody reads', async () => {
    const open = new pg.Client({ connectionString: server.url, application_name: 'a forgotten session' })
    await open.connect()
    // first: it waits for every transaction that writes
    await client.query(`select pg_create_logical_replication_slot('left_over', 'pgoutput')`)
    try {
      await open.query(`begin isolation level repeatable read`)
      await open.query('select count(*) from outbox')
      await client.query('begin')
      await client.query(`insert into outbox ${event}`)
      await client.query(`prepare transaction 'it''s prepared'`)
      const all = await asRelay(impatient)
      expect(all).toEqual(one('warning old-transactions', 'a forgotten session', 'pg_terminate_backend'))
      expect(all).toEqual(
        one('warning prepared-transactions', `'it''s prepared'`, 'has written to the outbox'),
      )
      expect(all).toEqual(
        one('warning left-over-slots', `slot 'left_over'`, `pg_drop_replication_slot('left_over')`),
      )
      expect((await asRelay()).join('\n')).not.toMatch(/(old|prepared)-transactions/)
    } finally {
      await open.end()
      await client.query(`rollback prepared 'it''s prepared'`)
      await client.query(`select pg_drop_replication_slot('left_over')`)
    }
  })
})

const escaped = (text: string): string => text.replace(/[.*+^${}()|[\]\\]/g, '\\$&')
