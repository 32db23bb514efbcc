import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { PositionRange } from '../hole-set.js'
import type { Statement } from './connection.js'

/** The columns of an event, as text, in the order in which `decode.ts` takes them. */
export function eventColumns(table: OutboxTable, alias: string): string {
  const payload = table.payload === 'bytes' ? `encode(${alias}.payload, 'hex')` : `${alias}.payload::text`
  return [
    `${alias}.id::text`,
    `${alias}.aggregatetype::text`,
    `${alias}.aggregateid::text`,
    `${alias}.type::text`,
    payload,
    `${alias}.headers::text`,
    `${alias}.topic::text`,
    // whatever the session's time zone and date style are
    `to_char(${alias}.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  ].join(', ')
}

/** Bytes of a payload, without reading one that is stored out of line. */
export function payloadBytes(table: OutboxTable, alias: string): string {
  return `coalesce(octet_length(${alias}.payload${table.payload === 'bytes' ? '' : '::text'}), 0)`
}

export interface ReadRequest {
  readonly singles: readonly number[]
  readonly ranges: readonly PositionRange[]
  readonly high: number
  readonly maxEvents: number
  readonly maxBytes: number
}

/** Who answers, as text: start time and role of the server, and which table bears the name. */
const identity = (target: string): string =>
  `extract(epoch from pg_postmaster_start_time())::text || '/' || pg_is_in_recovery()::text || '/' || '${target.replaceAll("'", "''")}'::regclass::oid::text`

/**
 * All rows whose position is probed, and the next ones above `high`, in position order: one statement, one
 * snapshot. A row without a position carries the snapshot, the server's identity and the sequence's last value.
 *
 * Rows are bounded in number and bytes; the row that crosses `maxBytes` is the last one. The subqueries pass
 * references to payloads, so nothing is read of rows that are cut off.
 */
export function readEvents(table: OutboxTable, sequence: string, request: ReadRequest): Statement {
  const target = qualifiedName(table, 'postgres')
  // the headers, and about 100 for the rest
  const bytes = `${payloadBytes(table, 't')} + coalesce(octet_length(t.headers::text), 0) + 100`
  return {
    name: 'outboxkit_read',
    text: `
select null::int8, 0::int8, pg_current_snapshot()::text, ${identity(target)}, (select case when is_called then last_value else last_value - 1 end from ${sequence})::text,
  null::text, null::text, null::text, null::text, null::text
union all (
select w.position, w.bytes, ${eventColumns(table, 'w')} from (
  select s.*, sum(s.bytes) over (order by s.position) as total from (
    select t.*, ${bytes} as bytes from (
      select o.* from ${target} o where o.position = any($1::int8[])
      union all
      select p.* from unnest($2::int8[], $3::int8[]) as r(lo, hi), lateral (
        select o.* from ${target} o where o.position between r.lo and r.hi order by o.position limit $5) p
      union all
      (select o.* from ${target} o where o.position > $4 order by o.position limit $5)
    ) t order by t.position limit $5
  ) s
) w where w.total - w.bytes < $6 order by w.position)`,
    values: [
      request.singles,
      request.ranges.map(({ lo }) => lo),
      request.ranges.map(({ hi }) => hi),
      request.high,
      request.maxEvents,
      request.maxBytes,
    ],
  }
}

/** The last number that the sequence has handed out. */
export function readLastValue(sequence: string): Statement {
  return {
    name: 'outboxkit_last_value',
    text: `select case when is_called then last_value else last_value - 1 end from ${sequence}`,
    values: [],
  }
}

/**
 * One pass over the lock table: who holds a write lock on one of `relations`, and every transaction's own id
 * (32 bits), with the server's next id (64 bits) to complete it.
 */
export function readHolders(relations: readonly string[]): Statement {
  return {
    name: 'outboxkit_holders',
    text: `
select null::text, pg_snapshot_xmax(pg_current_snapshot())::text
union all
select virtualtransaction, transactionid::text from pg_locks where granted and (
  locktype = 'relation' and relation = any($1::oid[])
    and mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    and database = (select oid from pg_database where datname = current_database())
  or locktype = 'transactionid' and mode = 'ExclusiveLock')`,
    values: [relations],
  }
}

/** Positions only, from the start of the table: for the sweep. */
export function readPositions(table: OutboxTable, after: number, upTo: number, limit: number): Statement {
  return {
    name: 'outboxkit_sweep',
    text: `
select o.position from ${qualifiedName(table, 'postgres')} o
where o.position > $1 and o.position <= $2 order by o.position limit $3`,
    values: [after, upTo, limit],
  }
}

/** How many rows there are, counted up to a limit, and the age of the first one in ms. */
export function readBacklog(table: OutboxTable, atMost: number): Statement {
  const target = qualifiedName(table, 'postgres')
  return {
    name: 'outboxkit_backlog',
    text: `
select (select count(*) from (select from ${target} limit $1) c),
  (select extract(epoch from clock_timestamp() - o.created_at) * 1000 from ${target} o order by o.position limit 1)`,
    values: [atMost],
  }
}

/** What every read says about who answers. */
export function readIdentity(table: OutboxTable): Statement {
  return { name: '', text: `select ${identity(qualifiedName(table, 'postgres'))}`, values: [] }
}

/** The server's clock, in ms since 1970. */
export const readTime: Statement = {
  name: '',
  text: 'select (extract(epoch from clock_timestamp()) * 1000)::text',
  values: [],
}
