import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Database, Row } from '../database/database.js'
import { isLoopback } from '../doctor/loopback.js'
import { manyEvents, type DevFacts } from './mode.js'

/** Looks at lease and server. */
export async function readFacts(
  database: Database,
  table: OutboxTable,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DevFacts> {
  const lease = await readLease(database, table)
  const expiresInMs = Number(lease?.['expires'] ?? 0)
  const owner = lease?.['owner']
  return {
    database: database.name,
    isLocal: isLoopback(database.name),
    ...(await (database.dialect === 'postgres' ? postgresServer(database) : mysqlServer(database))),
    isProduction: environment['NODE_ENV'] === 'production',
    waiting: await countWaiting(database, table),
    wasServed: lease?.['fingerprint'] != null,
    owner:
      typeof owner === 'string' && expiresInMs > 0
        ? { id: owner, epoch: Number(lease?.['epoch']), expiresInMs }
        : undefined,
  }
}

/** The row, if there is one; `expires`: in ms, by the database's clock. */
async function readLease({ query, dialect }: Database, table: OutboxTable): Promise<Row | undefined> {
  const expires =
    dialect === 'postgres'
      ? '(extract(epoch from expires_at - clock_timestamp()) * 1000)::text'
      : 'cast(timestampdiff(microsecond, utc_timestamp(6), expires_at) / 1000 as char)'
  const [row] = await query(
    `select owner, epoch, fingerprint, ${expires} as expires from ${qualifiedName(table, dialect, 'lease')} where id = 1`,
  )
  return row
}

async function countWaiting({ query, dialect }: Database, table: OutboxTable): Promise<number> {
  const rows = `select 1 from ${qualifiedName(table, dialect)} limit ${manyEvents + 1}`
  const [row] = await query(`select count(*) as count from (${rows}) counted`)
  return Number(row?.['count'])
}

type Server = Pick<DevFacts, 'service' | 'replicas'>

/** Managed services have roles of their own, whatever address one comes by. */
const services = {
  rdsadmin: 'Amazon RDS',
  cloudsqladmin: 'Google Cloud SQL',
  alloydbadmin: 'Google AlloyDB',
  azuresu: 'Azure Database',
  azure_superuser: 'Azure Database',
  neon_superuser: 'Neon',
} as const

async function postgresServer({ query }: Database): Promise<Server> {
  const roles = await query('select rolname::text as name from pg_roles where rolname = any($1)', [
    Object.keys(services),
  ])
  // pg_basebackup and the like are no replicas, and tell no address of a standby
  const [replicas] = await query(
    `select count(*)::text as count from pg_stat_replication where application_name <> 'pg_basebackup'`,
  )
  const name = roles[0]?.['name'] as keyof typeof services | undefined
  return {
    service: name === undefined ? undefined : services[name],
    replicas: Number(replicas?.['count']),
  }
}

/** Replicas are told to accounts with more rights only; where it is this machine they hardly matter. */
async function mysqlServer({ query, version }: Database): Promise<Server> {
  const [row] = await query('select @@basedir as basedir, @@version_comment as comment')
  const text = `${version} ${String(row?.['basedir'])} ${String(row?.['comment'])}`
  const known = [
    [/\/rdsdbbin\//, 'Amazon RDS'],
    [/google/i, 'Google Cloud SQL'],
    [/azure/i, 'Azure Database'],
  ] as const
  return { service: known.find(([pattern]) => pattern.test(text))?.[1], replicas: 0 }
}

/** Which of our tables are not there, by their full names. */
export async function missingTables({ query, dialect }: Database, table: OutboxTable): Promise<string[]> {
  const missing: string[] = []
  for (const kind of ['outbox', 'lease', 'held'] as const) {
    const name = qualifiedName(table, dialect, kind)
    const plain = kind === 'outbox' ? table.name : `${table.name}_${kind}`
    const [row] =
      dialect === 'postgres'
        ? await query('select to_regclass($1)::text as name', [name])
        : await query(
            'select table_name as name from information_schema.tables where table_schema = coalesce(?, database()) and table_name = ?',
            [table.schema ?? null, plain],
          )
    if (row?.['name'] == null) missing.push(name)
  }
  return missing
}
