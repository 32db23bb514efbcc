import type { StoredEvent } from '@outboxkit/core'
import mysql from 'mysql2'
import type { Connection } from 'mysql2/promise'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import type { MysqlPool, MysqlSource, MysqlSourceOptions } from '../src/mysql/index.js'
import type { Lease } from '../src/source.js'
import { Tables } from './mysql-harness.js'

const never = new AbortController().signal
const servers = ['mysql', 'mariadb'] as const
const urlOf = (server: (typeof servers)[number]): string => inject(`${server}Url`)

let tables: Tables
afterEach(() => tables.dispose())

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function opened(
  options: Partial<MysqlSourceOptions> = {},
): Promise<{ source: MysqlSource; lease: Lease }> {
  const source = tables.source({ noteIntervalMs: 10, ...options })
  const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
  const lease = acquired?.lease ?? { owner: '', epoch: 0 }
  await source.open(lease)
  return { source, lease }
}

async function read(source: MysqlSource): Promise<number[]> {
  return (await source.read(never)).events.map(({ position }) => position)
}

async function readFor(source: MysqlSource, ms: number): Promise<number[]> {
  const positions: number[] = []
  for (const until = performance.now() + ms; performance.now() < until; await pause(5))
    positions.push(...(await read(source)))
  return positions
}

async function readUntil(
  source: MysqlSource,
  done: (positions: readonly number[]) => boolean,
): Promise<number[]> {
  const positions: number[] = []
  for (const until = performance.now() + 30_000; !done(positions); await pause(2)) {
    expect(performance.now(), JSON.stringify([positions, source.stats])).toBeLessThan(until)
    positions.push(...(await read(source)))
  }
  return positions
}

const noHoles = (source: MysqlSource) => (): boolean => source.stats?.holes === 0

/** Takes the numbers of all its rows at once, and needs `seconds` before the last one is there. */
const slowInsert = (rows: number, seconds: number): string =>
  `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload) values ${Array.from(
    { length: rows },
    (_, i) =>
      `(uuid(), 'order', '1', 'x', ${i === rows - 1 ? `if(sleep(${seconds}) = 0, '{}', null)` : `'{}'`})`,
  ).join(', ')}`

describe.each(servers)('%s: positions that come late', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  const witnesses =
    server === 'mysql' ? (['statements', 'sessions', 'open'] as const) : (['sessions', 'open'] as const)

  it('are seen by what the server and the rights of root allow', async () => {
    const { source } = await opened()
    expect(source.stats?.witness).toBe(server === 'mysql' ? 'statements' : 'sessions')
  })

  it.each(witnesses)('are waited for while the statement runs that has taken them (%s)', async (witness) => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { witness } })
    expect(source.stats?.witness).toBe(witness)
    await slow.begin()
    const inserted = slow.connection.query(slowInsert(3, 0.7))
    await pause(150)
    const passed = await fast.insert()
    expect(passed).toBeGreaterThan(3)
    // the third row of the slow statement is nowhere yet: no dirty read can show it
    expect(await readFor(source, 350)).toEqual([passed])
    expect(source.stats?.holes).toBe(3)
    await inserted
    await readFor(source, 100)
    expect(source.stats?.holes).toBe(3)
    await slow.commit()
    expect(await read(source)).toEqual([1, 2, 3])
  })

  it.each(witnesses)('die with their savepoint, while the transaction goes on (%s)', async (witness) => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened({ internal: { witness } })
    // Under REPEATABLE READ, MySQL would block every other insert from here to the end of the transaction.
    await slow.connection.query('set session transaction isolation level read committed')
    await slow.begin()
    const low = await slow.insert()
    await slow.connection.query('savepoint s')
    await slow.insert()
    await slow.connection.query('rollback to savepoint s')
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await readUntil(source, () => source.stats?.holes === 1)
    await slow.commit()
    expect(await read(source)).toEqual([low])
    await readUntil(source, noHoles(source))
  })

  it('are waited for while their transaction is prepared and its session gone', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened()
    const id = `'${tables.database}'`
    await slow.connection.query(`xa start ${id}`)
    const low = await slow.insert()
    const high = await fast.insert()
    expect(await readFor(source, 50)).toEqual([high])
    await slow.connection.query(`xa end ${id}`)
    await slow.connection.query(`xa prepare ${id}`)
    slow.connection.destroy()
    expect(await readFor(source, 200)).toEqual([])
    expect(source.stats?.holes).toBe(1)
    // the server needs a moment to notice that the session has gone
    await expect
      .poll(() =>
        tables.query(`xa commit ${id}`).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    expect(await readUntil(source, ({ length }) => length > 0)).toEqual([low])
  })

  it('are waited for when the transaction was prepared before the start', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    await fast.insert()
    const id = `'${tables.database}'`
    await slow.connection.query(`xa start ${id}`)
    const low = await slow.insert()
    await slow.connection.query(`xa end ${id}`)
    await slow.connection.query(`xa prepare ${id}`)
    const high = await fast.insert()
    const { source } = await opened()
    expect(await readFor(source, 100)).toEqual([1, high])
    await slow.connection.query(`xa commit ${id}`)
    expect(await read(source)).toEqual([low])
  })

  it('do not wait for transactions that write elsewhere', async () => {
    const [foreign, gone, fast] = [await tables.writer(), await tables.writer(), await tables.writer()]
    const { source } = await opened()
    await foreign.begin()
    await foreign.connection.query(`update ${tables.lease} set fingerprint = 'x'`)
    await gone.begin()
    await gone.insert()
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await gone.rollback()
    await readUntil(source, noHoles(source))
    await foreign.rollback()
  })

  it('are one hole, however many rows a transaction has, and come when it ends', async () => {
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened()
    await slow.begin()
    await slow.connection.query(`insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload)
      select uuid(), 'order', '1', 'x', '{}' from (with recursive n as (select 1 as i union all select i + 1 from n where i < 900) select i from n) r`)
    const high = await fast.insert()
    expect(await readFor(source, 150)).toEqual([high])
    await slow.commit()
    const positions = await readUntil(source, ({ length }) => length >= 900)
    expect(positions).toEqual(Array.from({ length: 900 }, (_, i) => i + 1))
    await readUntil(source, noHoles(source))
  })

  it('come through partitions as well', async () => {
    await tables.query(`drop table ${tables.outbox}`)
    await tables.query(`create table ${tables.outbox} (position bigint unsigned not null auto_increment primary key,
      id char(36) character set ascii not null, aggregatetype varchar(255) not null, aggregateid varchar(255),
      type varchar(255) not null, payload longtext, headers longtext, topic varchar(249),
      created_at datetime(6) not null default current_timestamp(6))
      partition by range (position) (partition low values less than (3), partition rest values less than maxvalue)`)
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const { source } = await opened()
    await slow.begin()
    const low = [await slow.insert(), await slow.insert(), await slow.insert()]
    const high = await fast.insert()
    expect(await readFor(source, 100)).toEqual([high])
    await slow.commit()
    const { events } = await source.read(never)
    expect(events.map(({ position }) => position)).toEqual(low)
    await source.settle({ done: events, held: [] })
    expect(await tables.positions()).toEqual([high])
  })
})

describe.each(servers)('%s: numbers', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  it.each([1, 3, 10])(
    'set back by TRUNCATE, and %i new rows: reading stops, and goes on after open()',
    async (rows) => {
      const writer = await tables.writer()
      for (let i = 0; i < 3; i++) await writer.insert()
      const { source, lease } = await opened()
      const { events, fingerprint } = await source.read(never)
      expect(events.length).toBe(3)
      await tables.query(`truncate ${tables.outbox}`)
      const expected: number[] = []
      for (let i = 0; i < rows; i++) expected.push(await writer.insert())
      const answer = await source.read(never).then(
        (batch) => (batch.fingerprint === fingerprint ? batch : 'noticed'),
        (error: { message: string }) => (error.message.includes('set back') ? 'noticed' : error),
      )
      expect(answer).toBe('noticed')
      // what is settled now has another id at its position
      await source.settle({ done: events, held: [] }).catch(() => undefined)
      expect(await tables.positions()).toEqual(expected)
      await expect(source.read(never)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
      await source.open(lease)
      expect(await read(source)).toEqual(expected)
    },
  )

  it('set back while nothing is read: what is settled then has other ids, and nothing is lost', async () => {
    const writer = await tables.writer()
    for (let i = 0; i < 3; i++) await writer.insert()
    const { source } = await opened()
    const { events } = await source.read(never)
    await tables.query(`truncate ${tables.outbox}`)
    const expected = [await writer.insert(), await writer.insert()]
    await source.settle({ done: events, held: [] })
    expect(await tables.positions()).toEqual(expected)
  })

  it('are passed by a row with a position by hand: the rows above it still come', async () => {
    const writer = await tables.writer()
    const { source } = await opened()
    const first = await writer.insert()
    await tables.query(
      `insert into ${tables.outbox} (position, id, aggregatetype, type) values (1000, uuid(), 'order', 'x')`,
    )
    expect(await read(source)).toEqual([first, 1000])
    const second = await writer.insert()
    expect(await read(source)).toEqual([second])
    expect(source.stats?.late).toBe(0)
  })

  it('past what a JavaScript number holds: refused, by read() and by open()', async () => {
    const { source, lease } = await opened()
    await tables.query(
      `insert into ${tables.outbox} (position, id, aggregatetype, type) values (9007199254740993, uuid(), 'order', 'x')`,
    )
    await expect(source.read(never)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_UNSUPPORTED' })
    await expect(source.open(lease)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_UNSUPPORTED' })
  })
})

describe.each(servers)('%s: payloads', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  it('of bytes come as they are', async () => {
    await tables.dispose()
    tables = await Tables.create(urlOf(server), { payload: 'bytes' })
    const bytes = Buffer.from([0, 1, 255, 92, 120])
    await tables.query(
      `insert into ${tables.outbox} (id, aggregatetype, type, payload) values (uuid(), 'order', 'x', ?)`,
      [bytes],
    )
    const { source } = await opened()
    const [event] = (await source.read(never)).events
    expect(event?.payload).toEqual(bytes)
    if (event === undefined) return
    const held = { kind: 'key', scope: 's', code: 'C', reason: 'r', attempts: 1 } as const
    await source.settle({ done: [], held: [{ ...held, event }] })
    expect(await source.readHeld(held, 5)).toEqual([{ ...held, event, request: null }])
  })

  it('small and large ones, emoji and all, come in order and as they are', async () => {
    const writer = await tables.writer()
    const payloads = Array.from({ length: 30 }, (_, i) =>
      JSON.stringify(`${i}😀`.repeat(i % 3 === 0 ? 5_000 : 3)),
    )
    for (const payload of payloads) await writer.insert({ key: '😀', payload, headers: '{"ключ":"€"}' })
    const { source } = await opened({ maxBatchEvents: 20, maxBatchBytes: 100_000 })
    const events: StoredEvent[] = []
    while (events.length < payloads.length) events.push(...(await source.read(never)).events)
    expect(events.map(({ payload }) => payload)).toEqual(payloads)
    expect(
      events.every(({ aggregateId, headers }) => aggregateId === '😀' && headers === '{"ключ":"€"}'),
    ).toBe(true)
  })

  it('and times do not depend on what a pool is set to', async () => {
    await tables.query(`insert into ${tables.outbox} (id, aggregatetype, type, payload, created_at)
      values (uuid(), 'order', 'x', '"€"', '2026-01-02 03:04:05.000006')`)
    const pool = mysql.createPool({
      uri: tables.url,
      timezone: '+05:30',
      namedPlaceholders: true,
      rowsAsArray: false,
      typeCast: () => 'cast',
      decimalNumbers: true,
      multipleStatements: true,
    })
    tables.onDispose(() => new Promise((resolve) => pool.end(() => resolve())))
    const { source } = await opened({ pool })
    const [event] = (await source.read(never)).events
    expect(event).toMatchObject({ position: 1, payload: '"€"', createdAt: '2026-01-02T03:04:05.000006Z' })
  })

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

describe.each(servers)('%s: settling', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  async function fill(rows: number): Promise<StoredEvent[]> {
    const connection = await tables.connect()
    await connection.query(
      server === 'mysql' ? 'set cte_max_recursion_depth = 1000000' : 'set max_recursive_iterations = 1000000',
    )
    await connection.query(
      `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload)
      select uuid(), 'order', i, 'x', '{}' from (with recursive n as (select 1 as i union all select i + 1 from n where i < ?) select i from n) r`,
      [rows],
    )
    return tables.query<StoredEvent>(`select position, id from ${tables.outbox} order by position`)
  }

  it('takes many rows, all or none', async () => {
    const events = await fill(12_000)
    const { source } = await opened()
    const held = { kind: 'topic', scope: 't', code: 'C', reason: 'r', attempts: 1 } as const
    const settlement = {
      done: events.slice(0, 11_000),
      held: events.slice(11_000, 11_900).map((event) => ({ ...held, event })),
    }
    await (await tables.writer()).takeLease('other')
    await expect(source.settle(settlement)).rejects.toMatchObject({ code: 'OUTBOX_LEASE_LOST' })
    expect((await tables.positions()).length).toBe(12_000)
    await source.close()

    const look = await source.leases.look()
    const again = await source.leases.acquire({ owner: 'test', termMs: 60_000, unchangedSince: look })
    await source.open(again?.lease ?? { owner: '', epoch: 0 })
    await source.settle(settlement)
    expect((await tables.positions()).length).toBe(100)
    const [count] = await tables.query<{ rows: number }>(`select count(*) as \`rows\` from ${tables.held}`)
    expect(count?.rows).toBe(900)
  })

  it('of many rows is one transaction: nobody sees a part of it, and a take-over waits for its end', async () => {
    const events = await fill(8_000)
    const { source } = await opened()
    const [blocker, other] = [await tables.writer(), await tables.writer()]
    await blocker.begin()
    // in the way of the second statement
    const last = events.at(-1)?.position
    await blocker.connection.query(`select id from ${tables.outbox} where position = ? for update`, [last])
    const settled = source.settle({ done: events, held: [] })
    await pause(500)
    expect((await tables.positions()).length).toBe(8_000)
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

  it('leaves a row in the outbox whose position is held for another event', async () => {
    const [event] = await fill(1)
    const { source } = await opened()
    if (event === undefined) throw new Error('one event was expected')
    const held = { kind: 'key', scope: 's', code: 'C', reason: 'second', attempts: 1 } as const
    await tables.query(`insert into ${tables.held} (position, id, aggregatetype, type, scope_kind, scope, code, reason)
      select position, uuid(), aggregatetype, type, 'key', 's', 'C', 'first' from ${tables.outbox}`)
    await source.settle({ done: [], held: [{ ...held, event }] })
    expect(await tables.positions()).toEqual([event.position])
    expect((await source.readHeld(held, 5)).map(({ reason }) => reason)).toEqual(['first'])
  })

  it('keeps long reasons, quotes, line ends and emoji', async () => {
    const [event] = await fill(1)
    const { source } = await opened()
    if (event === undefined) throw new Error('one event was expected')
    const reason = `'"\\\n\0 😀 ${'x'.repeat(100_000)}`
    const held = { kind: 'key', scope: `k'"\\😀`, code: 'C', reason, attempts: 1, event } as const
    await source.settle({ done: [], held: [held] })
    expect((await source.readHeld(held, 5)).map((row) => row.reason)).toEqual([reason])
  })

  it('that waits for a lock on the table does not keep the lease from being renewed', async () => {
    await fill(1)
    const { source, lease } = await opened()
    const { events } = await source.read(never)
    const blocker = await tables.connect()
    await blocker.query(`lock tables ${tables.outbox} write`)
    const settled = source.settle({ done: events, held: [] })
    await pause(100)
    expect(await source.leases.renew(lease, 3_000)).toBe(true)
    await blocker.query('unlock tables')
    await settled
    expect(await tables.positions()).toEqual([])
  })

  it('locks no gap: inserts go on while a settlement is open', async () => {
    const events = await fill(20)
    const { source } = await opened()
    const [blocker, writer] = [await tables.writer(), await tables.writer()]
    await blocker.begin()
    await blocker.connection.query(`select id from ${tables.outbox} where position = ? for update`, [
      events[10]?.position,
    ])
    const settled = source.settle({ done: events, held: [] })
    await pause(100)
    const position = await writer.insert()
    await blocker.rollback()
    await settled
    expect(await tables.positions()).toEqual([position])
  })
})

describe.each(servers)('%s: connections', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(urlOf(server))
  })

  const sessions = async (): Promise<number[]> =>
    (
      await tables.query<{ id: number }>(
        `select id from information_schema.processlist where db = ? and id <> connection_id()`,
        [tables.database],
      )
    ).map(({ id }) => id)

  const killAll = async (): Promise<void> => {
    for (const id of await sessions()) await tables.query(`kill ${id}`).catch(() => undefined)
  }

  /** Holds a lock on the whole table. */
  async function lockTable(): Promise<Connection> {
    const blocker = await tables.connect()
    await blocker.query(`lock tables ${tables.outbox} write`)
    return blocker
  }

  it('are three, and none is left after close()', async () => {
    const { source } = await opened()
    await source.read(never)
    await source.settle({ done: [], held: [] })
    expect((await sessions()).length).toBe(3)
    await source.leases.close()
    await source.close()
    await expect.poll(sessions).toEqual([])
  })

  it('that the server ends fail one call, and are made anew', async () => {
    const { source, lease } = await opened()
    const position = await (await tables.writer()).insert()
    await killAll()
    await pause(100)
    // the lease's connection was idle: the next call has a new one
    expect(await source.leases.renew(lease, 60_000)).toBe(true)
    // a session that was not opened by open() has no memory of what was read
    const answer = await source.read(never).then(
      ({ events }) => events,
      () => [],
    )
    expect(answer).toEqual([])
    await source.open(lease)
    expect(await read(source)).toEqual([position])
  })

  it('that the server ends while they read: an error, and nothing is read before open()', async () => {
    const { source, lease } = await opened()
    const blocker = await lockTable()
    const failing = source.read(never)
    failing.catch(() => undefined)
    await pause(100)
    await killAll()
    await expect(failing).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
    await blocker.query('unlock tables')
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
    const blocker = await lockTable()
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect((await source.read(abort.signal)).events).toEqual([])
    await blocker.query('unlock tables')
    await source.settle({ done: events, held: [] })
    expect(await tables.positions()).toEqual([])
    await expect(source.read(never)).rejects.toMatchObject({
      message: expect.stringContaining('opened again'),
    })
  })

  it('statements end after statementTimeoutMs', async () => {
    const { source } = await opened({ statementTimeoutMs: 1_000 })
    const blocker = await lockTable()
    await expect(source.read(never)).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('statementTimeoutMs'),
    })
    await blocker.query('unlock tables')
  })

  it.each(['callbacks', 'promises'])(
    'come from a pool of %s, and do not go back to it with our settings',
    async (kind) => {
      const pool = mysql.createPool({ uri: tables.url, connectionLimit: 4 })
      tables.onDispose(() => new Promise((resolve) => pool.end(() => resolve())))
      const { source } = await opened({ pool: (kind === 'callbacks' ? pool : pool.promise()) as MysqlPool })
      const position = await (await tables.writer()).insert()
      expect(await read(source)).toEqual([position])
      expect((await sessions()).length).toBe(3)
      await source.leases.close()
      await source.close()
      await expect.poll(sessions).toEqual([])
      const [rows] = await pool.promise().query('select @outboxkit as token')
      expect(rows).toEqual([{ token: null }])
    },
  )

  it('of a pool in another character set lose no character', async () => {
    const pool = mysql.createPool({ uri: tables.url, charset: 'latin1' })
    tables.onDispose(() => new Promise((resolve) => pool.end(() => resolve())))
    await (await tables.writer()).insert({ key: '€😀', payload: '"€😀"' })
    const { source } = await opened({ pool })
    const { events } = await source.read(never)
    expect(events).toMatchObject([{ aggregateId: '€😀', payload: '"€😀"' }])
    const held = events.map(
      (event) => ({ kind: 'key', scope: '€😀', code: 'C', reason: '€😀', attempts: 1, event }) as const,
    )
    await source.settle({ done: [], held })
    const plain = await tables.query(`select scope, reason, payload from ${tables.held}`)
    expect(plain).toEqual([{ scope: '€😀', reason: '€😀', payload: '"€😀"' }])
  })
})
