import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startFaultProxy } from '../../services/fault-proxy.js'
import type { FaultProxy } from '../../services/fault-proxy.js'
import { startPostgres } from '../../services/postgres.js'
import type { PostgresServer } from '../../services/server.js'

let server: PostgresServer
let proxy: FaultProxy
const clients = new Set<pg.Client>()

beforeAll(async () => {
  server = await startPostgres({ settings: { max_slot_wal_keep_size: '64MB' } })
  proxy = await startFaultProxy({ port: server.port })
})

afterEach(async () => {
  await proxy.heal()
  await Promise.all([...clients].map((client) => client.end().catch(() => undefined)))
  clients.clear()
})

afterAll(async () => {
  await proxy.close()
  await server.remove()
})

async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  client.on('error', () => undefined)
  clients.add(client)
  await client.connect()
  return client
}

/** Whether a promise is still open after a moment. */
const isOpen = (promise: Promise<unknown>, ms = 150): Promise<boolean> =>
  Promise.race([
    promise.then(
      () => false,
      () => false,
    ),
    new Promise<true>((resolve) => setTimeout(() => resolve(true), ms)),
  ])

test('is the version it says, with the settings it was given', async () => {
  const client = await connect(server.port)
  const { rows } = await client.query(`select current_setting('server_version') as version,
    current_setting('max_slot_wal_keep_size') as keep, current_setting('wal_level') as level`)
  expect(rows).toEqual([{ version: server.version, keep: '64MB', level: 'logical' }])
})

test.each(['crash', 'immediate', 'fast'] as const)('keeps committed rows over: %s', async (how) => {
  const client = await connect(server.port)
  await client.query(`create table kept_${how} as select generate_series(1, 1000) as n`)
  await (how === 'crash' ? server.crash() : server.stop(how))
  await expect(connect(server.port)).rejects.toThrow('ECONNREFUSED')
  await server.start()
  const again = await connect(server.port)
  const { rows } = await again.query(`select count(*)::int as count from kept_${how}`)
  expect(rows).toEqual([{ count: 1000 }])
})

test('answers nothing while paused', async () => {
  const client = await connect(server.port)
  await server.pause()
  const query = client.query('select 1 as one')
  expect(await isOpen(query)).toBe(true)
  await server.resume()
  expect((await query).rows).toEqual([{ one: 1 }])
})

test('proxy: held bytes arrive later, dropped bytes never', async () => {
  const client = await connect(proxy.port)
  proxy.set('up', 'hold')
  const held = client.query('select 1 as one')
  expect(await isOpen(held)).toBe(true)
  await proxy.heal()
  expect((await held).rows).toEqual([{ one: 1 }])
  proxy.set('down', 'drop')
  const lost = client.query('select 2')
  expect(await isOpen(lost)).toBe(true)
  await proxy.heal()
  expect(await isOpen(lost)).toBe(true)
  proxy.reset()
  await expect(lost).rejects.toThrow(/ECONNRESET|terminated/)
})

test('proxy: held bytes arrive even when their sender is gone', async () => {
  const client = await connect(proxy.port)
  await client.query('create table released (n int)')
  proxy.set('up', 'hold')
  const insert = client.query('insert into released values (1)')
  insert.catch(() => undefined)
  await isOpen(insert, 50)
  client.connection.stream.destroy()
  await proxy.heal()
  const direct = await connect(server.port)
  await expect.poll(async () => (await direct.query('select n from released')).rows).toEqual([{ n: 1 }])
})

test('proxy: delays, refuses, half-closes and resets', async () => {
  const client = await connect(proxy.port)
  proxy.delay(100)
  const started = Date.now()
  await client.query('select 1')
  expect(Date.now() - started).toBeGreaterThan(190)
  await proxy.heal()
  await proxy.refuse()
  await expect(connect(proxy.port)).rejects.toThrow('ECONNREFUSED')
  await client.query('select 1')
  await proxy.heal()
  const other = await connect(proxy.port)
  const ended = new Promise<void>((resolve) => other.once('end', () => resolve()))
  proxy.halfClose()
  await ended
  await expect(other.query('select 1')).rejects.toThrow(/not queryable|closed|ended/)
})

test('proxy: loses the answer to COMMIT, and the row is there', async () => {
  const client = await connect(proxy.port)
  await client.query('create table unsure (n int)')
  await client.query('begin')
  await client.query('insert into unsure values (1)')
  const rule = proxy.when(({ direction, bytes }) => direction === 'down' && bytes.includes('COMMIT\0'), 'cut')
  await expect(client.query('commit')).rejects.toThrow(/ECONNRESET|terminated/)
  expect(rule.hits).toBe(1)
  const direct = await connect(server.port)
  expect((await direct.query('select n from unsure')).rows).toEqual([{ n: 1 }])
})
