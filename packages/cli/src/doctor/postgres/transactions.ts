import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Database, Row } from '../../database/database.js'
import { humanMs, type DoctorLimits } from '../limits.js'
import { problem, type Family, type Problem } from '../finding.js'

export interface OpenTransaction {
  /** `pid 42 (app as owner in shop)`. */
  readonly who: string
  readonly ageMs: number
  readonly pid: number
  readonly writesOutbox: boolean
}

export interface PreparedTransaction {
  readonly name: string
  readonly who: string
  readonly ageMs: number
  readonly writesOutbox: boolean
}

/** A replica or a slot that keeps old rows of tables. */
export interface KeptSnapshot {
  readonly kind: 'slot' | 'replica'
  readonly name: string
  /** In transactions. */
  readonly age: number
}

export interface PostgresTransactions {
  readonly open: readonly OpenTransaction[]
  /** Sessions that this role may not look into. */
  readonly hidden: number
  readonly prepared: readonly PreparedTransaction[]
  readonly kept: readonly KeptSnapshot[]
}

export function transactionsFamily(database: Database, table: OutboxTable, limits: DoctorLimits): Family {
  return {
    checks: ['old-transactions', 'prepared-transactions', 'old-snapshots'],
    run: async () => judgeTransactions(await readTransactions(database, table), limits),
  }
}

// Sessions whose snapshot or id keeps dead rows; of others only their presence is told without pg_read_all_stats.
const openStatement = `
select a.pid, coalesce(a.application_name, '') || ' as ' || coalesce(a.usename, '?') || ' in ' || coalesce(a.datname, '?') as who,
  (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::text as age,
  exists (select from pg_locks l where l.pid = a.pid and l.granted and l.relation = $1::regclass
    and l.mode = 'RowExclusiveLock') as writes
from pg_stat_activity a
where a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
  and (a.backend_xmin is not null or a.backend_xid is not null) and a.xact_start is not null
order by a.xact_start limit 100`

// Their kind is hidden too; what runs for the server itself is in no database.
const hiddenStatement = `
select count(*)::text as count from pg_stat_activity
where datid is not null and query = '<insufficient privilege>'`

const preparedStatement = `
select p.gid, p.owner || ' in ' || p.database as who, (extract(epoch from clock_timestamp() - p.prepared) * 1000)::text as age,
  exists (select from pg_locks l join pg_locks x on x.virtualtransaction = l.virtualtransaction
    where l.pid is null and l.relation = $1::regclass and p.database = current_database()
    and x.locktype = 'transactionid' and x.transactionid = p.transaction) as writes
from pg_prepared_xacts p order by p.prepared limit 100`

const keptStatement = `
select 'slot' as kind, slot_name::text as name, age(xmin)::text as age from pg_replication_slots where xmin is not null
union all
select 'replica', coalesce(application_name, '?') || coalesce(' at ' || client_addr::text, ''), age(backend_xmin)::text
from pg_stat_replication where backend_xmin is not null`

async function readTransactions({ query }: Database, table: OutboxTable): Promise<PostgresTransactions> {
  const name = qualifiedName(table, 'postgres')
  const open = await query(openStatement, [name])
  const [hidden] = await query(hiddenStatement)
  const prepared = await query(preparedStatement, [name])
  const kept = await query(keptStatement)
  return {
    open: open.map((row) => ({
      who: `pid ${String(row['pid'])} (${String(row['who']).trim()})`,
      pid: Number(row['pid']),
      ageMs: Number(row['age']),
      writesOutbox: row['writes'] === true,
    })),
    hidden: Number(hidden?.['count']),
    prepared: prepared.map((row) => ({
      name: String(row['gid']),
      who: String(row['who']),
      ageMs: Number(row['age']),
      writesOutbox: row['writes'] === true,
    })),
    kept: kept.map(toKept),
  }
}

function toKept(row: Row): KeptSnapshot {
  return { kind: row['kind'] as KeptSnapshot['kind'], name: String(row['name']), age: Number(row['age']) }
}

export function judgeTransactions(found: PostgresTransactions, limits: DoctorLimits): Problem[] {
  return [
    ...found.open.filter(({ ageMs }) => ageMs > limits.oldTransactionMs).map(oldTransaction),
    ...hidden(found.hidden),
    ...found.prepared.filter(({ ageMs }) => ageMs > limits.oldTransactionMs).map(preparedTransaction),
    ...found.kept.filter(({ age }) => age > limits.oldSnapshotTransactions).map(keptSnapshot),
  ]
}

const notBefore = 'It has written to the outbox: its events are published when it commits, not before. '

function oldTransaction({ who, ageMs, pid, writesOutbox }: OpenTransaction): Problem {
  return problem(
    'warning',
    'old-transactions',
    `The transaction of ${who} has been open for ${humanMs(ageMs)}. ${writesOutbox ? notBefore : ''}It keeps rows that have left the outbox from being cleaned up.`,
    `Find out what it does; if it is forgotten: select pg_terminate_backend(${pid})`,
  )
}

function hidden(count: number): Problem[] {
  if (count === 0) return []
  return [
    problem(
      'info',
      'old-transactions',
      `The transactions of ${count} other sessions could not be looked at.`,
      'To see them, run doctor as a role that has pg_read_all_stats.',
    ),
  ]
}

function preparedTransaction({ name, who, ageMs, writesOutbox }: PreparedTransaction): Problem {
  const quoted = `'${name.replaceAll("'", "''")}'`
  return problem(
    'warning',
    'prepared-transactions',
    `The prepared transaction ${quoted} of ${who} waits since ${humanMs(ageMs)}. ${writesOutbox ? notBefore : ''}It keeps rows that have left the outbox from being cleaned up, also over restarts.`,
    `Let its transaction manager end it, or run: commit prepared ${quoted} or rollback prepared ${quoted}`,
  )
}

function keptSnapshot({ kind, name, age }: KeptSnapshot): Problem {
  return problem(
    'warning',
    'old-snapshots',
    `The ${kind} ${name} keeps rows since ${age} transactions (${kind === 'slot' ? 'its xmin' : 'hot_standby_feedback'}): what has left the outbox cannot be cleaned up.`,
    kind === 'slot'
      ? `If nobody uses it any more: select pg_drop_replication_slot('${name.replaceAll("'", "''")}')`
      : 'End the long query on that replica, or set hot_standby_feedback = off there.',
  )
}
