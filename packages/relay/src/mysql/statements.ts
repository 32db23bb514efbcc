import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { PositionRange } from '../hole-set.js'
import type { Statement } from './connection.js'

/** The columns of an event, in the order in which `decode.ts` takes them. */
export function eventColumns(alias: string): string {
  return [...envelopeColumns(alias), ...contentColumns(alias), ...placeColumns(alias)].join(', ')
}

const envelopeColumns = (alias: string): string[] =>
  ['id', 'aggregatetype', 'aggregateid', 'type'].map((name) => `${alias}.${name}`)
const contentColumns = (alias: string): string[] => [`${alias}.payload`, `${alias}.headers`]
const placeColumns = (alias: string): string[] => [
  `${alias}.topic`,
  `date_format(${alias}.created_at, '%Y-%m-%dT%H:%i:%s.%fZ')`,
]

/** Bytes of a row: the payload, the headers, and about 100 for the rest. */
export function rowBytes(alias: string): string {
  return `coalesce(length(${alias}.payload), 0) + coalesce(length(${alias}.headers), 0) + 100`
}

/** Positions in a JSON array, as a table that is read first; the only form that no server turns into a full scan. */
export const positionsIn = (alias: string): string =>
  `json_table(?, '$[*]' columns (position bigint unsigned path '$')) ${alias}`

/** The table's names as the server's dictionary spells them. */
export interface TablePlace {
  readonly schema: string
  readonly name: string
}

export interface ReadRequest {
  readonly singles: readonly number[]
  readonly ranges: readonly PositionRange[]
  readonly high: number
  /** Most rows from each part. */
  readonly maxEvents: number
  /** Larger rows come without payload and headers, to be fetched with {@link readContents}. */
  readonly maxInlineBytes: number
}

/**
 * All rows whose position is probed, and the next ones from `high` on: one statement, one snapshot, in no order.
 * Two statements would let the later one see the successor of what the earlier one has missed.
 *
 * The row at `high` comes too, if it is still there: another one at that position shows that numbers were set back.
 * Each row begins with position and bytes. A row without a position says in its second column who answers: the
 * session's token, when the table was made, and its next number, with slashes between. Not prepared: in a prepared
 * statement MySQL 8.0.15 looks at the dictionary once and never again.
 */
export function readEvents(table: OutboxTable, place: TablePlace, request: ReadRequest): Statement {
  const { singles, ranges, high, maxEvents, maxInlineBytes } = request
  const target = qualifiedName(table, 'mysql')
  const columns = inlineColumns('o')
  const above = `(select ${columns} from ${target} o where o.position >= cast(? as unsigned) order by o.position limit ?)`
  const probed = `(select ${columns} from ${positionsIn('j')} straight_join ${target} o force index (primary) on o.position = j.position)`
  const between = `(select ${columns} from ${target} o where o.position between cast(? as unsigned) and cast(? as unsigned) order by o.position limit ?)`
  return {
    text: [
      above,
      ...(singles.length > 0 ? [probed] : []),
      ...ranges.map(() => between),
      `(select null, concat_ws('/', @outboxkit, cast(t.create_time as char), cast(t.auto_increment as char)), null, null, null, null, null, null, null, null
  from information_schema.tables t where t.table_schema = ? and t.table_name = ?)`,
    ].join(' union all '),
    values: [
      maxInlineBytes,
      maxInlineBytes,
      high,
      maxEvents + 1,
      ...(singles.length > 0 ? [maxInlineBytes, maxInlineBytes, JSON.stringify(singles)] : []),
      ...ranges.flatMap(({ lo, hi }) => [maxInlineBytes, maxInlineBytes, lo, hi, maxEvents]),
      place.schema,
      place.name,
    ],
    unprepared: true,
  }
}

/** Position, bytes, and the event's columns, of which payload and headers are null in a large row. */
function inlineColumns(alias: string): string {
  const content = contentColumns(alias).map((column) => `if(${rowBytes(alias)} <= ?, ${column}, null)`)
  return [
    `cast(${alias}.position as char)`,
    `cast(${rowBytes(alias)} as char)`,
    ...envelopeColumns(alias),
    ...content,
    ...placeColumns(alias),
  ].join(', ')
}

/** Payload and headers of rows that were too large to come with the others. */
export function readContents(table: OutboxTable, positions: readonly number[]): Statement {
  const target = qualifiedName(table, 'mysql')
  return {
    text: `select cast(o.position as char), o.id, ${contentColumns('o').join(', ')} from ${positionsIn('j')} straight_join ${target} o force index (primary) on o.position = j.position`,
    values: [JSON.stringify(positions)],
  }
}

/** Which of these positions have a row, committed or not. Only after `set transaction isolation level read uncommitted`. */
export function readDirtySingles(table: OutboxTable, positions: readonly number[]): Statement {
  const target = qualifiedName(table, 'mysql')
  return {
    text: `select cast(o.position as char) from ${positionsIn('j')} straight_join ${target} o force index (primary) on o.position = j.position`,
    values: [JSON.stringify(positions)],
  }
}

/** The same for a range, at most `limit` positions, ascending. */
export function readDirtyRange(table: OutboxTable, { lo, hi }: PositionRange, limit: number): Statement {
  return {
    text: `select cast(o.position as char) from ${qualifiedName(table, 'mysql')} o where o.position between cast(? as unsigned) and cast(? as unsigned) order by o.position limit ?`,
    values: [lo, hi, limit],
  }
}

/** The highest position that has a row, committed or not. */
export function readDirtyTop(table: OutboxTable): Statement {
  return {
    text: `select cast(o.position as char) from ${qualifiedName(table, 'mysql')} o order by o.position desc limit 1`,
    values: [],
  }
}

/** For the next statement of the session only. */
export const dirtyNext: Statement = {
  text: 'set transaction isolation level read uncommitted',
  values: [],
  unprepared: true,
}

/** Positions only, for the sweep. */
export function readPositions(table: OutboxTable, after: number, upTo: number, limit: number): Statement {
  return {
    text: `select cast(o.position as char) from ${qualifiedName(table, 'mysql')} o where o.position > cast(? as unsigned) and o.position <= cast(? as unsigned) order by o.position limit ?`,
    values: [Math.max(0, after), upTo, limit],
  }
}

/**
 * How many rows there are from `lowest` on, counted up to a limit, and the age of the first one in ms. Below
 * `lowest` lie rows that were deleted, which an old snapshot elsewhere may keep: they would have to be walked over.
 */
export function readBacklog(table: OutboxTable, atMost: number, lowest: number): Statement {
  const target = qualifiedName(table, 'mysql')
  return {
    text: `
select (select count(*) from (select 1 from ${target} where position >= cast(? as unsigned) limit ?) c),
  (select timestampdiff(microsecond, o.created_at, utc_timestamp(6)) / 1000 from ${target} o where o.position >= cast(? as unsigned) order by o.position limit 1)`,
    values: [lowest, atMost, lowest],
  }
}

/** The server's clock, in ms since 1970. */
export const readTime: Statement = {
  text: `select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1000`,
  values: [],
}

/** How many statements are inside the table now: `In_use` counts from the opening of the tables to the end. */
export function showOpen({ schema, name }: TablePlace): Statement {
  return {
    text: `show open tables from ${quoted(schema)} where \`Table\` = '${name.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`,
    values: [],
    unprepared: true,
  }
}

/**
 * The statements that are running now in sessions with a write lock on the table, by thread and event: see
 * `statement-names.ts`. A session whose events are not recorded counts until it is seen asleep.
 */
export function readStatements({ schema, name }: TablePlace): Statement {
  return {
    text: `
select distinct cast(m.owner_thread_id as char), cast(e.event_id as char)
from performance_schema.metadata_locks m
join performance_schema.threads t on t.thread_id = m.owner_thread_id
left join performance_schema.events_statements_current e
  on e.thread_id = t.thread_id and e.nesting_event_level = 0 and e.end_event_id is null
where m.object_type = 'TABLE' and m.object_schema = ? and m.object_name = ? and m.lock_status <> 'PENDING'
  and m.lock_type not in ('SHARED', 'SHARED_HIGH_PRIO', 'SHARED_READ', 'SHARED_READ_ONLY', 'INTENTION_EXCLUSIVE')
  and t.processlist_command <> 'Sleep'`,
    values: [schema, name],
  }
}

/** Sessions that are not asleep. Neither query ids nor times would do: they change inside a statement. */
export const readSessions: Statement = {
  text: `
select cast(id as char) from information_schema.processlist where id <> connection_id()
  and command not in ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Slave_worker')`,
  values: [],
}

/**
 * Whether locks are recorded; how many of them this statement itself has, none if recording is off altogether; how
 * many locks, and how many whole threads, were left out for lack of room since the server's start.
 */
export const readLockRecording: Statement = {
  text: `
select (select i.enabled from performance_schema.setup_instruments i where i.name = 'wait/lock/metadata/sql/mdl'),
  (select count(*) from performance_schema.threads t join performance_schema.metadata_locks m
    on m.owner_thread_id = t.thread_id where t.processlist_id = connection_id()),
  (select cast(sum(s.variable_value) as char) from performance_schema.global_status s
    where s.variable_name in ('Performance_schema_metadata_lock_lost', 'Performance_schema_thread_instances_lost'))`,
  values: [],
}

/** Fails without the privilege PROCESS; without it the list of sessions would silently show one's own only. */
export const requireProcess: Statement = {
  text: 'select 1 from information_schema.innodb_trx limit 1',
  values: [],
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
