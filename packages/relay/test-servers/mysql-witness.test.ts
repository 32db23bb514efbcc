import { afterEach, describe, expect, inject, it } from 'vitest'
import { startMysql } from '../../../test-matrix/services/mysql.js'
import type { MysqlServer, MysqlSettings } from '../../../test-matrix/services/server.js'
import { resolveOptions } from '../src/mysql/options.js'
import { Connection } from '../src/mysql/connection.js'
import { Witness } from '../src/mysql/witness.js'
import type { MysqlSource, MysqlSourceOptions } from '../src/mysql/index.js'
import { Tables } from './mysql-harness.js'

const never = new AbortController().signal
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

let tables: Tables
let own: MysqlServer | undefined
afterEach(async () => {
  await tables.dispose()
  await own?.remove()
  own = undefined
})

async function ownServer(settings: MysqlSettings): Promise<void> {
  own = await startMysql({ settings })
  tables = await Tables.create(own.url)
}

async function opened(options: Partial<MysqlSourceOptions> = {}): Promise<MysqlSource> {
  const source = tables.source({ noteIntervalMs: 10, ...options })
  const acquired = await source.leases.acquire({ owner: 'test', termMs: 60_000 })
  await source.open(acquired?.lease ?? { owner: '', epoch: 0 })
  return source
}

async function readFor(source: MysqlSource, ms: number): Promise<number[]> {
  const positions: number[] = []
  for (const until = performance.now() + ms; performance.now() < until; await pause(5))
    positions.push(...(await source.read(never)).events.map(({ position }) => position))
  return positions
}

/** Takes two numbers, and needs some time before the second row is there. */
const slowInsert = (slowly: string): string =>
  `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload) values
  (uuid(), 'order', '1', 'x', '{}'), (uuid(), 'order', '1', 'x', if(${slowly} = 0, '{}', null))`

describe('MySQL: who inserts', () => {
  it('has one name, or is unnamed, for as long as a statement runs, whatever it does inside', async () => {
    tables = await Tables.create(inject('mysqlUrl'))
    const { connection: slow } = await tables.writer()
    await slow.query(`set global log_bin_trust_function_creators = 1`)
    await slow.query(`create function ${tables.database}.work(seconds int) returns int reads sql data
      begin
        declare until_then datetime(6) default sysdate(6) + interval seconds second;
        declare found int;
        while sysdate(6) < until_then do select count(*) into found from ${tables.database}.locks; end while;
        return 0;
      end`)
    const { connect } = resolveOptions({ url: tables.url })
    const reads = new Connection(connect, 'reading')
    tables.onDispose(() => reads.close())
    const witness = await Witness.choose(
      { schema: tables.database, name: 'outbox' },
      { reads, settles: reads },
      'statements',
    )
    let ended = false
    const inserted = slow.query(slowInsert(`${tables.database}.work(8)`)).finally(() => (ended = true))
    await pause(200)
    const noted = (await witness.look()) ?? new Set()
    const missing: string[][] = []
    // ends well before the statement: its answer may come later than that of a look which began after its end
    for (const until = performance.now() + 2_500; performance.now() < until;) {
      const running = (await witness.look()) ?? noted
      if (![...noted].every((name) => running.has(name))) missing.push([...running])
    }
    expect(ended).toBe(false)
    expect(noted.size).toBeGreaterThan(0)
    expect(missing).toEqual([])
    await inserted
  })

  it('is not told by a server that has no room to record all its threads', async () => {
    await ownServer({ 'performance-schema-max-thread-instances': 50 })
    for (let i = 0; i < 60; i++) await tables.connect()
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const source = await opened()
    const inserted = slow.connection.query(slowInsert('sleep(1)'))
    await pause(100)
    const passed = await fast.insert()
    expect(await readFor(source, 500)).toEqual([passed])
    expect(source.stats?.holes).toBe(2)
    await inserted
    expect(await readFor(source, 100)).toEqual([1, 2])
    expect(source.stats).toMatchObject({ witness: 'sessions', late: 0 })
  })

  it.each([
    ['setup_consumers', 'global_instrumentation'],
    ['setup_instruments', 'wait/lock/metadata/sql/mdl'],
  ])('is not told any more once performance_schema.%s.%s was switched off', async (table, name) => {
    await ownServer({})
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const source = await opened()
    expect(source.stats?.witness).toBe('statements')
    const turn = (enabled: string): Promise<object[]> =>
      tables.query(`update performance_schema.${table} set enabled = ? where name = ?`, [enabled, name])
    await turn('NO')
    const inserted = slow.connection.query(slowInsert('sleep(1.5)'))
    await pause(100)
    const passed = await fast.insert()
    expect(await readFor(source, 300)).toEqual([passed])
    expect(source.stats).toMatchObject({ witness: 'open', holes: 2 })
    // the lock that was taken meanwhile is not in the list now either
    await turn('YES')
    expect(await readFor(source, 500)).toEqual([])
    expect(source.stats?.holes).toBe(2)
    await inserted
    expect(await readFor(source, 100)).toEqual([1, 2])
    expect(source.stats?.late).toBe(0)
  })
})

describe.each(['mysql', 'mariadb'] as const)('%s: who inserts', (server) => {
  it('is not looked for in tables whose names are nearly the same', async () => {
    tables = await Tables.create(inject(`${server}Url`))
    for (const name of ['OUTBOX', 'Outbox', 'outboX', 'oütbox', 'óutbox', 'outbòx']) {
      await tables.query(`create table ${tables.database}.\`${name}\` (a int)`)
      await tables.query(`select * from ${tables.database}.\`${name}\``)
    }
    const [slow, fast] = [await tables.writer(), await tables.writer()]
    const source = await opened({ internal: { witness: 'open' } })
    const inserted = slow.connection.query(slowInsert('sleep(0.8)'))
    await pause(100)
    const passed = await fast.insert()
    expect(await readFor(source, 400)).toEqual([passed])
    expect(source.stats?.holes).toBe(2)
    await inserted
    expect(await readFor(source, 100)).toEqual([1, 2])
  })
})
