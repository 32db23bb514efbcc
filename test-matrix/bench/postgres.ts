import { randomBytes } from 'node:crypto'
import { createTablesSql } from '@outboxkit/core'
import pg from 'pg'
import { services } from '../services/service.js'
import { startPostgres } from '../services/postgres.js'
import { payloadSql, type BenchDatabase } from './database.js'

/** Durable, unlike the servers of the tests: what a commit costs is part of what is measured. */
const settings = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  wal_level: 'replica',
  max_wal_senders: 0,
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
} as const

const rowsPerStatement = 100_000

export async function startPostgresBench(): Promise<BenchDatabase> {
  const given = process.env[services.postgres.variable]
  const server = given ? undefined : await startPostgres({ settings })
  const serverUrl = given ?? server?.url ?? ''
  const name = `bench_${randomBytes(4).toString('hex')}`
  const admin = await connect(serverUrl)
  await admin.query(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const client = await connect(url.href)
  const version = (await client.query<{ server_version: string }>('show server_version')).rows[0]
    ?.server_version
  for (const statement of createTablesSql('postgres')) await client.query(statement)
  await client.query('create table bench_orders (id bigint primary key, total bigint not null, note text)')
  return {
    name: 'postgres',
    version: `PostgreSQL ${version?.split(' ')[0]}`,
    url: url.href,
    fill: (count, bytes) => fill(client, count, bytes),
    count: async () => Number((await client.query('select count(*) from outbox')).rows[0].count),
    empty: async () => void (await client.query('truncate outbox, outbox_held, bench_orders')),
    holdSnapshot: () => holdSnapshot(url.href),
    async end() {
      await client.end()
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
      await server?.remove()
    },
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // Without a listener a server that ends would end the bench before it can say why.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function fill(client: pg.Client, count: number, bytes: number): Promise<void> {
  const payload = payloadSql(bytes, (parts) => parts.join(' || '), 'n::text')
  // A statement of a gigabyte would be one transaction of a gigabyte.
  const step = Math.max(1, Math.min(rowsPerStatement, Math.floor(100_000_000 / bytes)))
  for (let from = 0; from < count; from += step)
    await client.query(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload)
       select gen_random_uuid(), 'bench', 'key-' || n % 1000, 'bench.made', (${payload})::json
       from generate_series($1::int, $2::int) n`,
      [from + 1, Math.min(from + step, count)],
    )
  await client.query('checkpoint')
}

async function holdSnapshot(url: string): Promise<() => Promise<void>> {
  const client = await connect(url)
  await client.query('begin isolation level repeatable read')
  // The snapshot is taken by the first statement; writing gives it a transaction id as well.
  await client.query('select count(*) from bench_orders')
  return async () => {
    await client.query('rollback')
    await client.end()
  }
}
