import { memoryPublisher } from '@outboxkit/testing'
import { createRelay, type Source } from '@outboxkit/relay'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { Tables as MysqlTables } from './mysql-harness.js'
import { Tables as PostgresTables } from './postgres-harness.js'

interface Place {
  readonly tables: PostgresTables | MysqlTables
  readonly query: (sql: string) => Promise<readonly object[]>
  /** A source of an account that has no rights but those that `grant` gives it. */
  readonly source: (retentionMs?: number) => Source
  /** Ends the connections of that account. */
  readonly killAll: () => Promise<void>
  readonly grant: (privileges: string, table: string) => Promise<unknown>
}

const password = 'archive-rights-1'
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function openPostgres(): Promise<Place> {
  const tables = await PostgresTables.create(inject('postgresUrl'), {}, ['archive'])
  const role = `${tables.schema}_relay`
  closers.push(async () => {
    await tables.query(`drop owned by ${role}`)
    await tables.query(`drop role ${role}`)
    await tables.dispose()
  })
  await tables.query(`create role ${role} login password '${password}'`)
  await tables.query(`grant usage on schema ${tables.schema} to ${role}`)
  await tables.query(`grant select on sequence ${tables.schema}.outbox_position_seq to ${role}`)
  const url = new URL(tables.url)
  url.username = role
  url.password = password
  return {
    tables,
    query: (sql) => tables.query(sql),
    source: (retentionMs) =>
      tables.source({ url: url.href, cleanup: 'archive', retentionMs, onWarning: () => undefined }),
    killAll: async () => {
      await tables.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`)
    },
    grant: (privileges, table) => tables.query(`grant ${privileges} on ${table} to ${role}`),
  }
}

async function openMysql(serverUrl: string): Promise<Place> {
  const tables = await MysqlTables.create(serverUrl, {}, false, ['archive'])
  const account = `'${tables.database}'@'%'`
  closers.push(async () => {
    await tables.query(`drop user ${account}`)
    await tables.dispose()
  })
  await tables.query(`create user ${account} identified by '${password}'`)
  const url = new URL(tables.url)
  url.username = tables.database
  url.password = password
  return {
    tables,
    query: (sql) => tables.query(sql),
    source: (retentionMs) => tables.source({ url: url.href, cleanup: 'archive', retentionMs }),
    killAll: async () => {
      const sessions = await tables.query<{ id: number }>(
        'select id from information_schema.processlist where user = ?',
        [tables.database],
      )
      // one that has ended by itself meanwhile
      for (const { id } of sessions) await tables.query(`kill ${id}`).catch(() => undefined)
    },
    grant: (privileges, table) => tables.query(`grant ${privileges} on ${table} to ${account}`),
  }
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error('it has not come about within 20 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.each([
  ['postgres', openPostgres],
  ['mysql', () => openMysql(inject('mysqlUrl'))],
  ['mariadb', () => openMysql(inject('mariadbUrl'))],
] as const)('%s: a relay that archives', (_, open) => {
  it('needs one right more, names it, and deletes what is old only with two more', async () => {
    const { tables, query, source, grant } = await open()
    await grant('select, delete', tables.outbox)
    await grant('select, insert, update', tables.lease)
    await grant('select, insert, update, delete', tables.held)
    const start = async (retentionMs?: number) => {
      const relay = createRelay({ source: source(retentionMs), publisher: memoryPublisher() })
      closers.push(() => relay.stop())
      await relay.start()
      return relay
    }
    await expect(start()).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_UNSUPPORTED',
      message: expect.stringMatching(/grant insert on .*outbox_archive/i),
    })

    await grant('insert', tables.archive)
    const writer = await tables.writer()
    for (let i = 0; i < 20; i++) await writer.insert({ key: String(i) })
    const relay = await start()
    const archived = async (): Promise<number> =>
      (await query(`select 1 from ${tables.archive} where outcome = 'published'`)).length
    await until(async () => (await archived()) === 20)
    expect(await tables.positions()).toEqual([])
    await relay.stop()

    await expect(start(1)).rejects.toMatchObject({
      message: expect.stringMatching(/grant select on .*outbox_archive.*grant delete on .*outbox_archive/i),
    })
    await grant('select, delete', tables.archive)
    await start(1)
    await until(async () => (await archived()) === 0)
  })

  it('has every event in the archive once, whatever connections are lost', async () => {
    const { tables, query, source, grant, killAll } = await open()
    for (const table of [tables.outbox, tables.lease, tables.held, tables.archive])
      await grant('select, insert, update, delete', table)
    const publishers = [memoryPublisher(), memoryPublisher()]
    const relays = publishers.map((publisher) =>
      createRelay({ source: source(), publisher, lease: { termMs: 500 }, retry: { minMs: 5, maxMs: 50 } }),
    )
    for (const relay of relays) {
      closers.push(() => relay.stop())
      await relay.start()
    }
    const sent = (): number => publishers.reduce((sum, publisher) => sum + publisher.messages().length, 0)
    const writer = await tables.writer()
    const inserted: number[] = []
    let kills = 0
    while (kills < 8) {
      await writer.begin()
      for (let i = 0; i < 25; i++) inserted.push(await writer.insert({ key: String(i % 5) }))
      await writer.commit()
      const before = sent()
      // in the middle of what was just found
      await until(async () => sent() > before)
      await killAll()
      kills++
    }
    await until(async () => (await tables.positions()).length === 0)
    const archived = await query(
      `select position from ${tables.archive} where outcome = 'published' order by position`,
    )
    expect(archived.map((row) => Number((row as { position: unknown }).position))).toEqual(inserted)
    expect(await query(`select 1 from ${tables.held}`)).toEqual([])
    const published = publishers.flatMap((publisher) =>
      publisher.messages().map(({ event }) => event.position),
    )
    expect([...new Set(published)].toSorted((a, b) => a - b)).toEqual(inserted)
  })
})
