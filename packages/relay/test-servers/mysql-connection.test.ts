import mysql from 'mysql2'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { Connection } from '../src/mysql/connection.js'
import type { MysqlPool } from '../src/mysql/index.js'
import { resolveOptions, type MysqlSourceOptions } from '../src/mysql/options.js'
import { Prover } from '../src/mysql/prover.js'
import { readPositions } from '../src/mysql/statements.js'
import { Witness } from '../src/mysql/witness.js'
import { StatementHoles } from '../src/statement-holes.js'
import { Tables } from './mysql-harness.js'

let tables: Tables
afterEach(() => tables.dispose())

const plain = (text: string) => ({ text, values: [], unprepared: true })

function connected(options: Partial<MysqlSourceOptions> = {}) {
  const given = options.pool === undefined ? { url: tables.url } : {}
  const resolved = resolveOptions({ ...given, ...options })
  const connection = new Connection(resolved.connect, 'testing')
  tables.onDispose(() => connection.close())
  return { connection, resolved }
}

describe.each(['mysql', 'mariadb'] as const)('%s: a connection', (server) => {
  beforeEach(async () => {
    tables = await Tables.create(inject(`${server}Url`))
  })

  it('that is lost between two statements of a transaction: the second is not sent on another one', async () => {
    const { connection } = connected()
    const name = (value: string) => plain(`insert into ${tables.database}.locks values ('${value}')`)
    const body = connection.transaction(async (run) => {
      await run(name('first'))
      const [row] = (await run(plain('select connection_id()'))).rows
      await tables.query(`kill ${Number(row?.[0])}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await run(name('second'))
    })
    await expect(body).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
    expect(await tables.query(`select name from ${tables.database}.locks`)).toEqual([])
    await connection.query(name('third'))
    expect(await tables.query(`select name from ${tables.database}.locks`)).toEqual([{ name: 'third' }])
  })

  it('whose dirty read has failed shows nothing that is not committed afterwards', async () => {
    const { connection, resolved } = connected()
    const place = { schema: tables.database, name: 'outbox' }
    const witness = await Witness.choose(place, { reads: connection, settles: connection }, 'open')
    const prover = new Prover(connection, resolved, witness, new StatementHoles({ ageMs: 0 }))
    await tables.dropTables()
    await expect(prover.start()).rejects.toMatchObject({ details: { errno: 1146 } })
    await tables.createTables()
    const writer = await tables.writer()
    await writer.begin()
    await writer.insert()
    expect((await connection.query(readPositions(resolved.table, 0, 1_000, 10))).rows).toEqual([])
    await writer.rollback()
  })

  it('looks at many wide holes with few statements', async () => {
    const { connection, resolved } = connected()
    const place = { schema: tables.database, name: 'outbox' }
    const witness = await Witness.choose(place, { reads: connection, settles: connection }, 'open')
    const holes = new StatementHoles({ ageMs: 0 })
    const prover = new Prover(connection, resolved, witness, holes)
    const executed = async (): Promise<number> => {
      const { rows } = await connection.query(plain(`show session status like 'Com_stmt_execute'`))
      return Number(rows[0]?.[1])
    }
    holes.absorb(
      Array.from({ length: 600 }, (_, i) => 50 * (i + 1)),
      0,
    )
    const writer = await tables.writer()
    await writer.connection.query(`alter table ${tables.outbox} auto_increment = 120`)
    await writer.begin()
    const alive = await writer.insert()
    const before = await executed()
    await prover.prove()
    expect([holes.count, holes.covers(alive)]).toEqual([1, true])
    expect((await executed()) - before).toBeLessThan(10)
    await writer.rollback()
    await prover.prove()
    expect(holes.count).toBe(0)
  })

  it('that a pool does not give is waited for as long as a connect may take', async () => {
    const pool = mysql.createPool({ uri: tables.url, connectionLimit: 1 })
    tables.onDispose(() => new Promise((resolve) => pool.end(() => resolve())))
    const options = { pool: pool as MysqlPool, connectTimeoutMs: 300 }
    const [first, second] = [connected(options).connection, connected(options).connection]
    await first.query(plain('select 1'))
    await expect(second.query(plain('select 1'))).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('connectionLimit'),
    })
    // the place in the queue that was given up takes no connection for good
    await first.close()
    const third = connected(options).connection
    expect((await third.query(plain('select 1'))).rows.length).toBe(1)
  })
})
