import pg from 'pg'
import { inject } from 'vitest'
import type { Dialect } from '@outboxkit/core'
import { freshDatabase, uniqueName } from '../services/test-context.js'

export const servers = ['PostgreSQL', 'MySQL', 'MariaDB'] as const
export type Server = (typeof servers)[number]

export const dialectOf = (server: Server): Dialect => (server === 'PostgreSQL' ? 'postgres' : 'mysql')

/** A database of the test's own. */
export interface Place extends AsyncDisposable {
  readonly dialect: Dialect
  readonly url: string
  readonly query: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
}

export async function freshPlace(server: Server): Promise<Place> {
  if (server === 'PostgreSQL') return freshPostgres()
  const place = await freshDatabase(inject(server === 'MySQL' ? 'mysqlUrl' : 'mariadbUrl'), 'migrations')
  return {
    dialect: 'mysql',
    url: place.url,
    query: (sql, values) => place.query(sql, values),
    [Symbol.asyncDispose]: () => place.drop(),
  }
}

/** A whole database: Prisma and drizzle-kit look at more than one schema. */
async function freshPostgres(): Promise<Place> {
  const name = uniqueName('migrations')
  const server = inject('postgresUrl')
  const url = new URL(server)
  url.pathname = `/${name}`
  await once(server, `create database ${name}`)
  return {
    dialect: 'postgres',
    url: url.href,
    query: (sql, values) => once(url.href, sql, values),
    [Symbol.asyncDispose]: async () => void (await once(server, `drop database ${name} with (force)`)),
  }
}

/** On a connection that ends with it: a tool that drops a schema or a database is not kept waiting. */
async function once(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows
  } finally {
    await client.end()
  }
}

const id = '0190a000-0000-7000-8000-000000000001'

/** One row in each of the base tables, with text that not every character set has. */
export async function writeRows({ dialect, query }: Place, prefix = ''): Promise<void> {
  const [payload, moment] = [JSON.stringify({ text: 'žluťoučký 🐎' }), '2026-01-02 03:04:05.678901']
  const event = `'${id}', 'order', 'A', 'placed', '${payload}', '{}', null, '${moment}'`
  const columns = 'id, aggregatetype, aggregateid, type, payload, headers, topic, created_at'
  const expires = dialect === 'postgres' ? `timestamptz '${moment}+00'` : `timestamp '${moment}'`
  await query(`insert into ${prefix}outbox (${columns}) values (${event})`)
  await query(
    `insert into ${prefix}outbox_held (position, ${columns}, scope_kind, scope, code, reason) values (7, ${event}, 'key', 'order A', 'X', 'ž')`,
  )
  await query(
    `insert into ${prefix}outbox_lease (id, owner, epoch, expires_at) values (1, 'me', 5, ${expires})`,
  )
}

/** All rows as text, to be compared before and after; of columns that both have. */
export async function rowsOf({ query }: Place, prefix = ''): Promise<unknown> {
  const columns = {
    outbox: 'position, id, aggregatetype, aggregateid, type, payload, headers, created_at',
    outbox_held: 'position, id, payload, scope_kind, scope, code, reason, attempts, held_at',
    outbox_lease: 'id, owner, epoch, renewals, expires_at',
  }
  const tables: Record<string, unknown> = {}
  for (const [table, list] of Object.entries(columns)) {
    const rows = await query(`select ${list} from ${prefix}${table}`)
    if (rows.length !== 1) throw new Error(`${table} has ${rows.length} rows, not 1`)
    tables[table] = JSON.stringify(rows)
  }
  return tables
}

export const everything = ['archive', 'inbox', 'deliver-at'] as const
