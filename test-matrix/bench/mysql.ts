import { randomBytes } from 'node:crypto'
import { createTablesSql } from '@outboxkit/core'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { startMariadb, startMysql } from '../services/mysql.js'
import { mariadbVersion, mysqlVersion, services } from '../services/service.js'
import { payloadSql, type BenchDatabase } from './database.js'

/** Durable, unlike the servers of the tests: what a commit costs is part of what is measured. */
const settings = {
  sync_binlog: 1,
  innodb_flush_log_at_trx_commit: 1,
  innodb_doublewrite: 'ON',
  innodb_buffer_pool_size: '512M',
} as const

const own = {
  mysql: { loose_innodb_redo_log_capacity: '4G', max_allowed_packet: '64M' },
  mariadb: { innodb_log_file_size: '4G', max_allowed_packet: '64M' },
} as const

export async function startMysqlBench(kind: 'mysql' | 'mariadb'): Promise<BenchDatabase> {
  const given = process.env[services[kind].variable]
  const server = given ? undefined : await startServer(kind)
  const name = `bench_${randomBytes(4).toString('hex')}`
  const admin = await connect(given ?? server?.url ?? '')
  await admin.query(`create database ${name}`)
  const url = new URL(given ?? server?.url ?? '')
  url.pathname = `/${name}`
  const client = await connect(url.href)
  const one = async (sql: string): Promise<string> => {
    const [rows] = await client.query<RowDataPacket[]>({ sql, rowsAsArray: true })
    return String((rows[0] as unknown as readonly unknown[])[0])
  }
  for (const statement of createTablesSql('mysql')) await client.query(statement)
  await client.query(
    'create table bench_orders (id bigint primary key, total bigint not null, note varchar(100)) engine = InnoDB',
  )
  const version = (await one('select version()')).replace(/-.*/, '')
  return {
    name: kind,
    version: `${services[kind].title} ${version}`,
    url: url.href,
    fill: (count, bytes) => fill(client, count, bytes),
    count: async () => Number(await one('select count(*) from outbox')),
    async empty() {
      for (const table of ['outbox', 'outbox_held', 'bench_orders']) await client.query(`truncate ${table}`)
    },
    holdSnapshot: () => holdSnapshot(url.href),
    async end() {
      await client.end()
      await admin.query(`drop database ${name}`)
      await admin.end()
      await server?.remove()
    },
  }
}

function startServer(kind: 'mysql' | 'mariadb') {
  const all = { ...settings, ...own[kind] }
  return kind === 'mysql'
    ? startMysql({ version: mysqlVersion(), settings: all })
    : startMariadb({ version: mariadbVersion(), settings: all })
}

async function connect(uri: string): Promise<Connection> {
  const connection = await createConnection({ uri })
  // Without a listener a server that ends would end the bench before it can say why.
  connection.on('error', () => undefined)
  return connection
}

async function fill(client: Connection, count: number, bytes: number): Promise<void> {
  const payload = payloadSql(bytes, (parts) => `concat(${parts.join(', ')})`, 'n')
  // A statement of a gigabyte would be one transaction of a gigabyte, twice: once more in the binary log.
  const step = Math.max(1, Math.min(10_000, Math.floor(50_000_000 / bytes)))
  // Counts without a table to count with, on both servers.
  const digits = Array.from({ length: 10 }, (_, digit) => `select ${digit} as d`).join(' union all ')
  const numbers = `(select a.d + b.d * 10 + c.d * 100 + e.d * 1000 as i from (${digits}) a, (${digits}) b, (${digits}) c, (${digits}) e)`
  for (let from = 0; from < count; from += step)
    await client.query(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload)
       select uuid(), 'bench', concat('key-', n % 1000), 'bench.made', ${payload}
       from (select i + ${from + 1} as n from ${numbers} all_numbers where i < ${Math.min(step, count - from)} order by i) numbered`,
    )
}

async function holdSnapshot(url: string): Promise<() => Promise<void>> {
  const client = await connect(url)
  await client.query('set session transaction isolation level repeatable read')
  await client.query('start transaction with consistent snapshot')
  return async () => {
    await client.query('rollback')
    await client.end()
  }
}
