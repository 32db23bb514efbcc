import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import type { PostgresSourceOptions } from '../src/postgres/index.js'
import { Tables } from './postgres-harness.js'

const url = inject('postgresUrl')
const never = new AbortController().signal

let tables: Tables
beforeEach(async () => {
  tables = await Tables.create(url)
})
afterEach(() => tables.dispose())

/** Warnings of a source that opens; what it is rejected with otherwise. */
async function openWith(options: Partial<PostgresSourceOptions> = {}): Promise<string[]> {
  const warnings: string[] = []
  const source = tables.source({ ...options, onWarning: (message) => warnings.push(message) })
  const { leases } = tables.source()
  const owner = await leases.acquire({ owner: 'test', termMs: 60_000, unchangedSince: await leases.look() })
  await source.open(owner?.lease ?? { owner: '', epoch: 0 })
  await source.close()
  return warnings
}

/** Functions of our own in front of the server's: the server looks like another one. */
async function pretend(name: string, type: string, value: string): Promise<PostgresSourceOptions> {
  await tables.query(
    `create function ${tables.schema}.${name}() returns ${type} language sql as $$ select ${value} $$`,
  )
  return { config: { connectionString: url, options: `-c search_path=${tables.schema},pg_catalog` } }
}

const refused = (message: string): object => ({
  code: 'OUTBOX_SOURCE_UNSUPPORTED',
  message: expect.stringContaining(message),
})

describe('open() refuses', () => {
  it('a missing table, and says how to create it', async () => {
    await expect(openWith({ table: { schema: tables.schema, name: 'nope' } })).rejects.toMatchObject(
      refused(`There is no table "${tables.schema}"."nope", "${tables.schema}"."nope_lease"`),
    )
    await tables.query(`drop table ${tables.held}`)
    await expect(openWith()).rejects.toMatchObject(refused('outbox_held" in this database'))
  })

  it('a view', async () => {
    await tables.query(`create view ${tables.schema}.seen as select * from ${tables.outbox}`)
    await tables.query(`create table ${tables.schema}.seen_lease as table ${tables.lease}`)
    await tables.query(`create table ${tables.schema}.seen_held as table ${tables.held}`)
    const table = { schema: tables.schema, name: 'seen' }
    await expect(openWith({ table })).rejects.toMatchObject(refused('is not a table'))
  })

  it.each([
    ['a sequence with a cache', 'alter sequence OUTBOX_position_seq cache 20', 'has CACHE 20'],
    [
      'a sequence that counts down',
      'alter sequence OUTBOX_position_seq increment by -1 minvalue -99',
      'counts down',
    ],
    ['positions without a sequence', 'alter table OUTBOX alter position drop identity', 'has no sequence'],
    ['positions without an index', 'alter table OUTBOX drop constraint outbox_pkey', 'has no index'],
    ['a missing column', 'alter table OUTBOX drop column topic', 'lacks the column topic'],
    [
      'a payload of another type',
      `alter table OUTBOX drop column payload, add column payload bytea`,
      "payload is bytea, but the option table.payload says 'json'. Set it to 'bytes'",
    ],
  ])('%s', async (_, statement, message) => {
    await tables.query(statement.replace('OUTBOX', `${tables.schema}.outbox`))
    await expect(openWith()).rejects.toMatchObject(refused(message))
  })

  it('a table that a subscription fills', async () => {
    await tables.query('set allow_system_table_mods = on')
    await tables.query(
      `insert into pg_subscription_rel (srsubid, srrelid, srsubstate) values (1, $1::regclass, 'r')`,
      [tables.outbox],
    )
    try {
      await expect(openWith()).rejects.toMatchObject(refused('subscription'))
    } finally {
      await tables.query(`delete from pg_subscription_rel where srrelid = $1::regclass`, [tables.outbox])
    }
  })

  it('a replica', async () => {
    const options = await pretend('pg_is_in_recovery', 'boolean', 'true')
    await expect(openWith(options)).rejects.toMatchObject(refused('is a replica'))
  })

  it.each([
    ['CockroachDB', 'CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)'],
    ['YugabyteDB', 'PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64'],
  ])('%s', async (name, version) => {
    const options = await pretend('version', 'text', `'${version}'`)
    await expect(openWith(options)).rejects.toMatchObject(refused(`This server is ${name}`))
  })

  it('a lease that is not there, already when it is looked at', async () => {
    await tables.query(`drop table ${tables.lease}`)
    await expect(tables.source().leases.look()).rejects.toMatchObject(
      refused('outbox_lease" in this database'),
    )
  })
})

describe('a role of its own', () => {
  let role: string
  beforeEach(async () => {
    role = `role_${tables.schema}`
    await tables.query(`create role ${role} login`)
    await tables.query(`grant usage on schema ${tables.schema} to ${role}`)
    tables.onDispose(async () => {
      await tables.query(`drop owned by ${role}`)
      await tables.query(`drop role ${role}`)
    })
  })

  const as = (): Partial<PostgresSourceOptions> => {
    const address = new URL(url)
    address.username = role
    return { url: address.href }
  }

  const grantAll = async (): Promise<void> => {
    await tables.query(`grant select, delete on ${tables.outbox} to ${role}`)
    await tables.query(`grant select, insert, update on ${tables.lease} to ${role}`)
    await tables.query(`grant select, insert, update, delete on ${tables.held} to ${role}`)
    await tables.query(`grant select on sequence ${tables.schema}.outbox_position_seq to ${role}`)
  }

  it('is told which privileges it lacks', async () => {
    await tables.query(`grant select on ${tables.outbox} to ${role}`)
    await expect(openWith(as())).rejects.toMatchObject(refused('grant DELETE on'))
    await expect(openWith(as())).rejects.toMatchObject(refused('grant SELECT on sequence'))
  })

  it('needs no others: not the superuser, nor any of the monitoring roles', async () => {
    await grantAll()
    const source = tables.source(as())
    const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
    const lease = acquired?.lease ?? { owner: '', epoch: 0 }
    await source.open(lease)
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    await slow.begin()
    const low = await slow.insert()
    await fast.insert()
    const { events } = await source.read(never)
    await source.settle({ done: events, held: [] })
    // the hole is noted, and what it waits for is seen without any privilege
    for (let i = 0; i < 30; i++) {
      expect((await source.read(never)).events).toEqual([])
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await slow.commit()
    expect((await source.read(never)).events.map(({ position }) => position)).toEqual([low])
    await source.leases.release(lease)
  })

  it('is refused when a policy hides rows from it, at the start and later', async () => {
    await grantAll()
    const source = tables.source(as())
    const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
    await source.open(acquired?.lease ?? { owner: '', epoch: 0 })
    await tables.query(`alter table ${tables.outbox} enable row level security`)
    await expect(source.read(never)).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('BYPASSRLS'),
    })
    await expect(openWith(as())).rejects.toMatchObject(refused('Row-level security hides rows'))
  })
})

describe('open() warns', () => {
  it('of nothing on a durable server', async () => {
    const warnings = await openWith({ config: { connectionString: url } })
    expect(warnings.filter((warning) => !warning.startsWith('fsync is off'))).toEqual([])
  })

  it('of asynchronous commits, for this connection or for a role', async () => {
    const config = { connectionString: url, options: '-c synchronous_commit=off' }
    expect((await openWith({ config })).join()).toContain('synchronous_commit is off: after a crash')
    const role = `role_${tables.schema}`
    await tables.query(`create role ${role}`)
    await tables.query(`alter role ${role} set synchronous_commit = off`)
    tables.onDispose(async () => void (await tables.query(`drop role ${role}`)))
    expect((await openWith()).join()).toContain(`synchronous_commit is off for ${role} in every database`)
  })

  it('of another server, or another history of it, than the one that was read before', async () => {
    expect((await openWith()).join()).not.toContain('failover')
    expect((await openWith()).join()).not.toContain('failover')
    const [stored] = await tables.query<{ fingerprint: string }>(`select fingerprint from ${tables.lease}`)
    expect(stored?.fingerprint).toMatch(/^\d+\/[0-9A-F]{8}\/[\d.]+\/false\/\d+$/)
    await tables.query(`update ${tables.lease} set fingerprint = replace(fingerprint, '/0000', '/FFFF')`)
    expect((await openWith()).join()).toContain('a failover or a restore')
  })
})

describe('errors', () => {
  const secret = 's3cret-pass'

  it.each([
    ['a server that is not there', 'postgres://me:s3cret-pass@127.0.0.1:1/db'],
    ['a host that does not exist', 'postgres://me:s3cret-pass@no.such.host.invalid/db'],
    [
      'a database that does not exist',
      url.replace(/\/\/[^@]*@/, '//postgres:s3cret-pass@').replace(/\/[^/]*$/, '/nope'),
    ],
  ])('of %s do not contain the password', async (_, address) => {
    const source = tables.source({ url: address, connectTimeoutMs: 5_000 })
    const error = await source.leases.look().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('Cannot connect'),
    })
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret)
  })
})
