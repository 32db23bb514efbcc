import { createConnection } from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { startMariadb, startMysql } from '../../services/mysql.js'
import type { MysqlServer } from '../../services/server.js'
import { mariadbVersion, mysqlVersion } from '../../services/service.js'
import { freshDatabase } from '../../services/test-context.js'

const settings = { lock_wait_timeout: 77 }
const flavours = [
  ['MySQL', () => startMysql({ version: mysqlVersion(), settings }), 'mysqlUrl'],
  ['MariaDB', () => startMariadb({ version: mariadbVersion(), settings }), 'mariadbUrl'],
] as const

describe.each(flavours)('%s', (name, start, shared) => {
  let server: MysqlServer
  const connections = new Set<Connection>()

  beforeAll(async () => {
    server = await start()
  })

  afterEach(() => {
    for (const connection of connections) connection.destroy()
    connections.clear()
  })

  afterAll(() => server.remove())

  async function connect(): Promise<Connection> {
    const connection = await createConnection(server.url)
    connection.on('error', () => undefined)
    connections.add(connection)
    return connection
  }

  async function ask<Row>(connection: Connection, text: string): Promise<Row[]> {
    const [rows] = await connection.query<RowDataPacket[]>(text)
    return rows as Row[]
  }

  test('is the version it says, with the settings it was given', async () => {
    const [row] = await ask<{ version: string }>(
      await connect(),
      'select version() as version, @@lock_wait_timeout as given, @@log_bin as log, @@innodb_flush_log_at_trx_commit as flush',
    )
    expect(row).toMatchObject({ given: 77, log: 1, flush: 2 })
    expect(row?.version.split('-')[0]).toBe(server.version)
    expect(row?.version.includes('MariaDB')).toBe(name === 'MariaDB')
  })

  test.each(['crash', 'stop'] as const)('keeps committed rows over: %s', async (how) => {
    const connection = await connect()
    await connection.query(`create table kept_${how} (n int primary key)`)
    for (let n = 0; n < 100; n++) await connection.query(`insert into kept_${how} values (${n})`)
    await server[how]()
    await expect(connect()).rejects.toThrow('ECONNREFUSED')
    await server.start()
    expect(await ask(await connect(), `select count(*) as count from kept_${how}`)).toEqual([{ count: 100 }])
  })

  test('answers nothing while paused, not even to a new client', async () => {
    const connection = await connect()
    await server.pause()
    const answers: string[] = []
    const query = ask(connection, 'select 1 as one').finally(() => answers.push('query'))
    const second = connect().finally(() => answers.push('connection'))
    second.catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(answers).toEqual([])
    await server.resume()
    expect(await query).toEqual([{ one: 1 }])
    await second
  })

  test('ends cleanly when asked to while paused', async () => {
    await server.pause()
    await server.restart()
    expect(await ask(await connect(), 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('the run shares one, on which each database is its own, and gone afterwards', async () => {
    const [one, two] = await Promise.all([freshDatabase(inject(shared)), freshDatabase(inject(shared))])
    await one.query('create table t (a varchar(9))')
    await one.query('insert into t values (?)', ['😀'])
    await expect(two.query('select * from t')).rejects.toThrow("doesn't exist")
    expect(await one.query('select * from t')).toEqual([{ a: '😀' }])
    await one.drop()
    expect(await two.query('show databases like ?', [one.database])).toEqual([])
    await two.drop()
  })
})
