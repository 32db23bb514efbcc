import type { StoredEvent } from '@outboxkit/core'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import type { PgPool, PostgresSource, PostgresSourceOptions } from '../src/postgres/index.js'
import type { Lease } from '../src/source.js'
import { startPostgres } from '../../../test-matrix/services/postgres.js'
import { Tables } from './postgres-harness.js'

const url = inject('postgresUrl')
const never = new AbortController().signal

let tables: Tables
beforeEach(async () => {
  tables = await Tables.create(url)
})
afterEach(() => tables.dispose())

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function opened(
  options: Partial<PostgresSourceOptions> = {},
): Promise<{ source: PostgresSource; lease: Lease }> {
  const source = tables.source({ noteIntervalMs: 10, ...options })
  const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
  const lease = acquired?.lease ?? { owner: '', epoch: 0 }
  await source.open(lease)
  return { source, lease }
}

async function read(source: PostgresSource): Promise<number[]> {
  return (await source.read(never)).events.map(({ position }) => position)
}

async function readFor(source: PostgresSource, ms: number): Promise<number[]> {
  const positions: number[] = []
  for (const until = performance.now() + ms; performance.now() < until; await pause(5))
    positions.push(...(await read(source)))
  return positions
}

async function readUntil(source: PostgresSource, done: () => boolean): Promise<number[]> {
  const positions: number[] = []
  for (const until = performance.now() + 30_000; !done(); await pause(2)) {
    expect(performance.now(), JSON.stringify(source.stats)).toBeLessThan(until)
    positions.push(...(await read(source)))
  }
  return positions
}

describe('positions that come late', () => {
  it('are waited for while their transaction is prepared', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { restAfterMs: 50 } })
    await slow.begin()
    const low = await slow.insert()
    const high = await fast.insert()
    expect(await readFor(source, 50)).toEqual([high])
    const id = `prepared_${tables.schema}`
    await slow.client.query(`prepare transaction '${id}'`)
    await slow.client.end()
    expect(await readFor(source, 300)).toEqual([])
    expect(source.stats?.holes).toBe(1)
    await fast.client.query(`commit prepared '${id}'`)
    expect(await read(source)).toEqual([low])
  })

  it('are waited for when the transaction was prepared before the start', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    await slow.begin()
    const low = await slow.insert()
    const id = `prepared_${tables.schema}`
    await slow.client.query(`prepare transaction '${id}'`)
    const high = await fast.insert()
    const { source } = await opened()
    expect(await readFor(source, 100)).toEqual([high])
    await fast.client.query(`commit prepared '${id}'`)
    expect(await read(source)).toEqual([low])
  })

  it('are waited for when the number was taken by hand and is used later in the same transaction', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { restAfterMs: 20 } })
    await slow.begin()
    const taken = await slow.client.query<{ number: string }>(
      `select nextval('${tables.schema}.outbox_position_seq') as number`,
    )
    const high = await fast.insert()
    // no lock on the table, no transaction id: only the sequence's lock tells of it
    expect(await readFor(source, 150)).toEqual([high])
    expect(source.stats?.holes).toBe(1)
    const number = taken.rows[0]?.number
    await slow.client.query(
      `insert into ${tables.outbox} (position, id, aggregatetype, type) overriding system value
      values ($1, gen_random_uuid(), 'order', 'x')`,
      [number],
    )
    await readFor(source, 50)
    await slow.commit()
    expect(await read(source)).toEqual([Number(number)])
  })

  it('die with a savepoint only when the transaction has ended', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened()
    await slow.begin()
    await slow.client.query('savepoint s')
    await slow.insert()
    await slow.client.query('rollback to savepoint s')
    const high = await fast.insert()
    expect(await readFor(source, 100)).toEqual([high])
    expect(source.stats?.holes).toBe(1)
    await slow.commit()
    await readUntil(source, () => source.stats?.holes === 0)
  })

  it('do not wait for transactions that write elsewhere', async () => {
    const [foreign, gone, fast] = [await tables.writer(), await tables.writer(), await tables.writer()]
    const { source } = await opened()
    await foreign.begin()
    await foreign.client.query(`update ${tables.lease} set fingerprint = fingerprint`)
    await gone.begin()
    await gone.insert()
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await gone.rollback()
    await readUntil(source, () => source.stats?.holes === 0)
    await foreign.rollback()
  })

  it('come through partitions as well', async () => {
    await tables.query(`drop table ${tables.outbox}`)
    const at = tables.outbox
    await tables.query(`create table ${at} (position bigint generated always as identity primary key, id uuid not null,
      aggregatetype varchar(255) not null, aggregateid varchar(255), type varchar(255) not null, payload json, headers json,
      topic varchar(249), created_at timestamptz not null default clock_timestamp()) partition by range (position)`)
    await tables.query(`create table ${tables.schema}.low partition of ${at} for values from (0) to (3)`)
    await tables.query(`create table ${tables.schema}.rest partition of ${at} default`)
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { restAfterMs: 20 } })
    await slow.begin()
    const low = [await slow.insert(), await slow.insert(), await slow.insert()]
    const high = await fast.insert()
    expect(await readFor(source, 100)).toEqual([high])
    await slow.commit()
    expect(await read(source)).toEqual(low)
  })
})

describe('the sequence', () => {
  it.each([
    ['setval', (): string => `select setval('${tables.schema}.outbox_position_seq', 1)`],
    ['truncate … restart identity', (): string => `truncate ${tables.outbox} restart identity`],
  ])('set back by %s: reading and settling stop, and go on after open()', async (_, statement) => {
    const writer = await tables.writer()
    for (let i = 0; i < 3; i++) await writer.insert()
    const { source, lease } = await opened()
    const { events } = await source.read(never)
    expect(events.length).toBe(3)
    await tables.query(`truncate ${tables.outbox}`)
    await tables.query(statement())
    const position = await writer.insert()
    const failed = { code: 'OUTBOX_SOURCE_FAILED', message: expect.stringContaining('set back') }
    await expect(source.read(never)).rejects.toMatchObject(failed)
    // position 1 or 2 is another row now
    await expect(source.settle({ done: events, held: [] })).rejects.toMatchObject(failed)
    await expect(source.read(never)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
    await source.open(lease)
    expect(await read(source)).toEqual([position])
  })

  it('is passed by a row with a position by hand: the rows below it still come', async () => {
    const writer = await tables.writer()
    const { source } = await opened()
    const first = await writer.insert()
    await tables.query(`insert into ${tables.outbox} (position, id, aggregatetype, type) overriding system value
      values (1000, gen_random_uuid(), 'order', 'x')`)
    expect(await read(source)).toEqual([first, 1000])
    await readFor(source, 100)
    const second = await writer.insert()
    const third = await writer.insert()
    expect(await read(source)).toEqual([second, third])
    expect(source.stats?.late).toBe(0)
  })

  it('has run past what a number holds: refused', async () => {
    const { source } = await opened()
    await tables.query(`select setval('${tables.schema}.outbox_position_seq', ${Number.MAX_SAFE_INTEGER})`)
    await (await tables.writer()).insert()
    await expect(source.read(never)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_UNSUPPORTED' })
  })
})

describe('payloads', () => {
  it('of bytes come as they are', async () => {
    const binary = await Tables.create(url, { payload: 'bytes' })
    try {
      const bytes = Buffer.from([0, 1, 255, 92, 120])
      await binary.query(
        `insert into ${binary.outbox} (id, aggregatetype, type, payload) values (gen_random_uuid(), 'order', 'x', $1)`,
        [bytes],
      )
      const source = binary.source()
      const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
      await source.open(acquired?.lease ?? { owner: '', epoch: 0 })
      const [event] = (await source.read(never)).events
      expect(event?.payload).toEqual(bytes)
      if (event === undefined) return
      const held = { kind: 'key', scope: 's', code: 'C', reason: 'r', attempts: 1 } as const
      await source.settle({ done: [], held: [{ ...held, event }] })
      expect(await source.readHeld(held, 5)).toEqual([{ ...held, event, request: null }])
    } finally {
      await binary.dispose()
    }
  })

  it.each(['-c TimeZone=Asia/Kolkata -c DateStyle=German,DMY', ''])(
    'and times do not depend on the settings of the connection (%s)',
    async (options) => {
      await tables.query(`insert into ${tables.outbox} (id, aggregatetype, type, created_at)
        values (gen_random_uuid(), 'order', 'x', '2026-01-02 03:04:05.000006+00')`)
      const { source } = await opened({ config: { connectionString: url, options } })
      expect((await source.read(never)).events[0]?.createdAt).toBe('2026-01-02T03:04:05.000006Z')
    },
  )

  it('of a held scope are bounded in bytes', async () => {
    const writer = await tables.writer()
    for (let i = 0; i < 3; i++) await writer.insert({ payload: JSON.stringify('x'.repeat(1_000)) })
    const { source } = await opened({ maxBatchBytes: 1_500 })
    const events: StoredEvent[] = []
    while (events.length < 3) events.push(...(await source.read(never)).events)
    const held = { kind: 'key', scope: 's', code: 'C', reason: 'r', attempts: 1 } as const
    await source.settle({ done: [], held: events.map((event) => ({ ...held, event })) })
    expect((await source.readHeld(held, 3)).length).toBe(2)
  })
})

describe('settling', () => {
  async function fill(rows: number): Promise<StoredEvent[]> {
    await tables.query(
      `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload)
      select gen_random_uuid(), 'order', n::text, 'x', '{}' from generate_series(1, $1::int) n`,
      [rows],
    )
    return tables.query<StoredEvent & pg.QueryResultRow>(
      `select position::float8 as position, id::text from ${tables.outbox}`,
    )
  }

  it('takes many rows, all or none', async () => {
    const events = await fill(25_000)
    const { source } = await opened()
    const held = { kind: 'topic', scope: 't', code: 'C', reason: 'r', attempts: 1 } as const
    const settlement = {
      done: events.slice(0, 21_000),
      held: events.slice(21_000, 24_000).map((event) => ({ ...held, event })),
    }
    const other = await tables.writer()
    // taken over after the first statements of the transaction have locked the lease? They wait; before: nothing changes
    await other.takeLease('other')
    await expect(source.settle(settlement)).rejects.toMatchObject({ code: 'OUTBOX_LEASE_LOST' })
    expect((await tables.positions()).length).toBe(25_000)
    await source.close()

    const look = await source.leases.look()
    const again = await source.leases.acquire({ owner: 'test', termMs: 60_000, unchangedSince: look })
    await source.open(again?.lease ?? { owner: '', epoch: 0 })
    await source.settle(settlement)
    expect((await tables.positions()).length).toBe(1_000)
    const [count] = await tables.query<{ rows: number }>(`select count(*)::int as rows from ${tables.held}`)
    expect(count?.rows).toBe(3_000)
  })

  it('of many rows is one transaction: nobody sees a part of it, and a take-over waits for its end', async () => {
    const events = await fill(12_000)
    const { source } = await opened()
    const [blocker, other] = [await tables.writer(), await tables.writer()]
    await blocker.begin()
    // in the way of the second statement
    await blocker.client.query(`select from ${tables.outbox} where position = 11000 for update`)
    const settled = source.settle({ done: events, held: [] })
    await pause(500)
    expect((await tables.positions()).length).toBe(12_000)
    let isTaken = false
    const taken = other.takeLease('other').then(() => (isTaken = true))
    await pause(100)
    expect(isTaken).toBe(false)
    await blocker.rollback()
    await settled
    await taken
    expect(await tables.positions()).toEqual([])
  })

  it('takes a row that is held already out of the outbox, and leaves the held one as it is', async () => {
    const [event] = await fill(1)
    const { source } = await opened()
    if (event === undefined) throw new Error('one event was expected')
    const held = { kind: 'key', scope: 's', code: 'C', reason: 'first', attempts: 1 } as const
    await tables.query(`insert into ${tables.held} (position, id, aggregatetype, type, scope_kind, scope, code, reason)
      select position, id, aggregatetype, type, 'key', 's', 'C', 'first' from ${tables.outbox}`)
    await source.settle({ done: [], held: [{ ...held, reason: 'second', event }] })
    expect(await tables.positions()).toEqual([])
    expect((await source.readHeld(held, 5)).map(({ reason }) => reason)).toEqual(['first'])
  })

  it('that waits for a lock on the table does not keep the lease from being renewed', async () => {
    await fill(1)
    const { source, lease } = await opened()
    const { events } = await source.read(never)
    const blocker = await tables.writer()
    await blocker.begin()
    await blocker.client.query(`lock table ${tables.outbox} in access exclusive mode`)
    const settled = source.settle({ done: events, held: [] })
    await pause(100)
    expect(await source.leases.renew(lease, 3_000)).toBe(true)
    await blocker.rollback()
    await settled
    expect(await tables.positions()).toEqual([])
  })
})

describe('connections', () => {
  const backends = async (): Promise<{ pid: number; query: string; state: string }[]> =>
    tables.query(
      `select pid, query, state from pg_stat_activity where application_name = $1 and datname = current_database()`,
      [`app_${tables.schema}`],
    )

  const named = (): PostgresSourceOptions => ({
    config: { connectionString: url, application_name: `app_${tables.schema}` },
  })

  it('are three, and none is left after close()', async () => {
    const { source } = await opened(named())
    await source.read(never)
    await source.settle({ done: [], held: [] })
    expect((await backends()).length).toBe(3)
    await source.leases.close()
    await source.close()
    for (let i = 0; i < 100 && (await backends()).length > 0; i++) await pause(10)
    expect(await backends()).toEqual([])
  })

  it('that the server ends fail one call, and are made anew', async () => {
    const { source, lease } = await opened(named())
    const position = await (await tables.writer()).insert()
    await tables.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
      `app_${tables.schema}`,
    ])
    await pause(100)
    // the lease's connection was idle: the next call has a new one
    expect(await source.leases.renew(lease, 60_000)).toBe(true)
    await source.open(lease)
    expect(await read(source)).toEqual([position])
  })

  it('that the server ends while they read: an error, and nothing is read before open()', async () => {
    const { source, lease } = await opened(named())
    const blocker = await tables.writer()
    await blocker.begin()
    await blocker.client.query(`lock table ${tables.outbox} in access exclusive mode`)
    const failing = source.read(never)
    failing.catch(() => undefined)
    await pause(100)
    await tables.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and state = 'active'`,
      [`app_${tables.schema}`],
    )
    await expect(failing).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
    await blocker.rollback()
    await expect(source.read(never)).rejects.toMatchObject({
      message: expect.stringContaining('opened again'),
    })
    await source.open(lease)
    expect(await read(source)).toEqual([])
  })

  it('an aborted read ends soon, and settling still works', async () => {
    const { source } = await opened()
    await (await tables.writer()).insert()
    const { events } = await source.read(never)
    const blocker = await tables.writer()
    await blocker.begin()
    await blocker.client.query(`lock table ${tables.outbox} in access exclusive mode`)
    const abort = new AbortController()
    const startedAt = performance.now()
    setTimeout(() => abort.abort(), 50)
    expect((await source.read(abort.signal)).events).toEqual([])
    // It would wait for statementTimeoutMs otherwise.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await blocker.rollback()
    await source.settle({ done: events, held: [] })
    expect(await tables.positions()).toEqual([])
    await expect(source.read(never)).rejects.toMatchObject({
      message: expect.stringContaining('opened again'),
    })
  })

  it('statements end after statementTimeoutMs', async () => {
    const { source } = await opened({ statementTimeoutMs: 200 })
    const blocker = await tables.writer()
    await blocker.begin()
    await blocker.client.query(`lock table ${tables.outbox} in access exclusive mode`)
    await expect(source.read(never)).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('statementTimeoutMs'),
    })
  })

  it('come from a pool, and do not go back to it with our settings', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 4 })
    tables.onDispose(() => pool.end())
    const { source } = await opened({ pool })
    const position = await (await tables.writer()).insert()
    expect(await read(source)).toEqual([position])
    expect(pool.totalCount).toBe(3)
    await source.leases.close()
    await source.close()
    await pause(50)
    expect(pool.totalCount).toBe(0)
    const { rows } = await pool.query<{ row_security: string }>('show row_security')
    expect(rows).toEqual([{ row_security: 'on' }])
  })

  it('through a pooler: said, nothing prepared, no settings of the session', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 4, options: '-c TimeZone=Asia/Kolkata' })
    tables.onDispose(() => pool.end())
    const sent: { name?: string; text?: string }[] = []
    // a pooler answers with a process id of its own
    const pooler: PgPool = {
      async connect() {
        const client = await pool.connect()
        return {
          processID: 1,
          query: (config: object) => {
            sent.push(config)
            return client.query(config as pg.QueryConfig)
          },
          on: (event, listener) => client.on(event, listener),
          release: (destroy) => client.release(destroy),
        }
      },
    }
    const warnings: string[] = []
    const { source } = await opened({ pool: pooler, onWarning: (message) => warnings.push(message) })
    await tables.query(`insert into ${tables.outbox} (id, aggregatetype, type, created_at)
      values (gen_random_uuid(), 'order', 'x', '2026-01-02 03:04:05.000006+00')`)
    const { events } = await source.read(never)
    expect(events.map(({ createdAt }) => createdAt)).toEqual(['2026-01-02T03:04:05.000006Z'])
    expect(sent.length).toBeGreaterThan(5)
    expect(
      sent.filter(({ name, text }) => name !== undefined || text?.includes('set_config') === true),
    ).toEqual([])
    expect(warnings.join()).toContain('goes through a pooler')
  })
})

describe('another server', () => {
  it('that answers over the same connection is noticed before its rows are taken', async () => {
    await tables.query(`create table ${tables.schema}.started as select now() as at`)
    await tables.query(`create function ${tables.schema}.pg_postmaster_start_time() returns timestamptz
      language sql stable as $$ select at from ${tables.schema}.started $$`)
    const options = `-c search_path=${tables.schema},pg_catalog`
    const { source, lease } = await opened({ config: { connectionString: url, options } })
    const { fingerprint } = await source.read(never)
    await tables.query(`update ${tables.schema}.started set at = at + interval '1 second'`)
    const position = await (await tables.writer()).insert()
    const changed = await source.read(never)
    expect(changed.fingerprint).not.toBe(fingerprint)
    expect(changed.events).toEqual([])
    await source.open(lease)
    const batch = await source.read(never)
    expect(batch.fingerprint).toBe(changed.fingerprint)
    expect(batch.events.map((event) => event.position)).toEqual([position])
  })
})

describe('polling', () => {
  it('spends no transaction ids', async () => {
    // A server of its own: ids are counted per server, and other tests write on the shared one.
    const server = await startPostgres({ settings: { autovacuum: 'off' } })
    await tables.dispose()
    tables = await Tables.create(server.url)
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({
      noteIntervalMs: 0,
      sweep: { intervalMs: 0 },
      internal: { sweepShare: 0 },
    })
    await slow.begin()
    await slow.insert()
    await fast.insert()
    await read(source)
    const next = async (): Promise<number> => {
      const [row] = await tables.query<{ next: string }>(
        'select pg_snapshot_xmax(pg_current_snapshot())::text as next',
      )
      return Number(row?.next)
    }
    const before = await next()
    for (let i = 0; i < 100; i++) await read(source)
    await source.backlog(10)
    await source.heldScopes()
    await source.requestedScopes()
    expect((await next()) - before).toBe(0)
    expect(source.stats?.reads).toBeGreaterThan(100)
    expect(source.stats?.sweeps).toBeGreaterThan(50)
    await tables.dispose()
    await server.remove()
    tables = await Tables.create(url)
  })

  it('lets holes rest that wait for a long transaction, and finds what it brings', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { restAfterMs: 50 } })
    await slow.begin()
    const low = await slow.insert()
    await fast.insert()
    await readUntil(source, () => source.stats?.resting === 1)
    expect(source.stats).toMatchObject({ holes: 1, repeated: 0 })
    await slow.commit()
    expect(await read(source)).toEqual([low])
    expect(source.stats).toMatchObject({ holes: 0, resting: 0, repeated: 1, inFlight: 2 })
  })
})
