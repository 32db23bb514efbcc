import { isOutboxError, OutboxError, qualifiedName } from '@outboxkit/core'
import type { OutboxTable, SqlStatement, StoredEvent } from '@outboxkit/core'
import type { Database, Row } from '../database/database.js'
import { isMissingTable } from './each-outbox.js'
import {
  contentColumns,
  momentColumn,
  payloadOf,
  summaryColumns,
  textOf,
  toPosition,
  toSummary,
} from './event-row.js'
import { toMoment, type RangeBound } from './moment.js'
import { allOf, raw, run, sql } from './statement.js'

/** A place in the archive, which is in the order in which events were published. */
export interface ArchiveCursor {
  /** RFC 3339, UTC, microseconds. */
  readonly publishedAt: string
  readonly position: number
}

/** Which archived events; everything that is given has to fit. Times are those of the publication. */
export interface ArchiveSelection {
  /** Included. */
  readonly from?: string | undefined
  /** Excluded. */
  readonly to: string
  /** Both included. */
  readonly fromPosition?: number | undefined
  readonly toPosition?: number | undefined
  readonly type?: string | undefined
  readonly aggregateType?: string | undefined
  readonly aggregateId?: string | undefined
}

/** Archived events of one kind. */
export interface ArchiveGroup {
  readonly events: number
  /** Of the first and last publication. */
  readonly firstPublishedAt: string
  readonly lastPublishedAt: string
  readonly firstPosition: number
  readonly lastPosition: number
  /** What a topic is found by: an event of the group, without id, payload and headers. */
  readonly sample: StoredEvent
}

/** An archived event and its place. */
export interface ArchivedEvent {
  readonly event: StoredEvent
  readonly cursor: ArchiveCursor
}

/** What was found in a stretch of the archive, and where that ends. */
export interface Stretch<Item> {
  readonly items: readonly Item[]
  readonly end: ArchiveCursor
}

// Rows that one statement looks at, whether or not they fit: each takes a bounded time, however rare the events are.
const scannedRows = 20_000
const rowsPerRead = 500
const bytesPerRead = 4 * 1024 * 1024

/** Throws `OUTBOX_SOURCE_UNSUPPORTED` when there is no archive. */
export async function requireArchive(database: Database, table: OutboxTable): Promise<void> {
  try {
    await run(database, sql`select a.outcome from ${archiveName(database, table)} a where 1 = 0`)
  } catch (error) {
    if (!isOutboxError(error) || !isMissingTable(error)) throw error
    throw new OutboxError(
      'OUTBOX_SOURCE_UNSUPPORTED',
      `There is no archive ${qualifiedName(table, database.dialect, 'archive')}: published events were deleted, and what is deleted cannot be sent again. To keep what is published from now on, write the archive's migration with 'outboxkit generate --with archive', apply it, and set cleanup: 'archive' for the relay's source.`,
    )
  }
}

/** The time of the database, by which events are archived. */
export async function databaseTime(database: Database): Promise<string> {
  const now = database.dialect === 'postgres' ? 'clock_timestamp()' : 'utc_timestamp(6)'
  const [row] = await run(
    database,
    sql`select ${raw(momentColumn(database.dialect, 'n', 'now'))} from (select ${raw(now)} as now) n`,
  )
  return String(row?.['now'])
}

/** Bounds as they were asked for become a selection. `now`: {@link databaseTime}. */
export function toRange(
  from: RangeBound | undefined,
  to: RangeBound | undefined,
  now: string,
): Pick<ArchiveSelection, 'from' | 'to' | 'fromPosition' | 'toPosition'> {
  const moment = (bound: RangeBound | undefined): string | undefined => {
    if (bound?.kind === 'ago') return toMoment(Date.parse(now) - bound.ms)
    return bound?.kind === 'moment' ? bound.moment : undefined
  }
  const end = moment(to)
  return {
    from: moment(from),
    // What is published from now on is not sent again.
    to: end === undefined || end > now ? now : end,
    fromPosition: from?.kind === 'position' ? from.position : undefined,
    toPosition: to?.kind === 'position' ? to.position : undefined,
  }
}

/** Goes through a selection and tells how many of which kinds there are, without reading a payload. */
export async function* countArchived(
  database: Database,
  table: OutboxTable,
  selection: ArchiveSelection,
): AsyncGenerator<Stretch<ArchiveGroup>> {
  const text = database.dialect === 'postgres' ? '::text' : ''
  for await (const { after, end } of stretches(database, table, selection)) {
    const rows = await run(
      database,
      sql`select g.aggregatetype, g.type, g.topic, g.aggregateid, ${raw(`g.events${text} as events, g.first_position${text} as first_position, g.last_position${text} as last_position`)},
        ${raw(momentColumn(database.dialect, 'g', 'first_at'))}, ${raw(momentColumn(database.dialect, 'g', 'last_at'))}
      from (select a.aggregatetype, a.type, a.topic, min(a.aggregateid) as aggregateid, count(*) as events,
          min(a.position) as first_position, max(a.position) as last_position,
          min(a.published_at) as first_at, max(a.published_at) as last_at
        from ${archiveName(database, table)} a where ${within(database, selection, after, end)}
        group by a.aggregatetype, a.type, a.topic) g`,
    )
    yield { items: rows.map(toGroup), end }
  }
}

/** Goes through a selection, in the order of publication; a stretch is bounded in rows and bytes. */
export async function* readArchived(
  database: Database,
  table: OutboxTable,
  selection: ArchiveSelection,
  start?: ArchiveCursor,
): AsyncGenerator<Stretch<ArchivedEvent>> {
  for await (const { after, end } of stretches(database, table, selection, start)) {
    let last = after
    for (;;) {
      const part = await nextPart(database, table, selection, last, end)
      if (part === undefined) break
      const rows = await run(
        database,
        sql`select ${summaryColumns(database.dialect, 'a')}, ${contentColumns(table, database.dialect, 'a')},
            ${raw(momentColumn(database.dialect, 'a', 'published_at'))}
          from ${archiveName(database, table)} a
          where ${within(database, selection, last, part)} order by a.published_at, a.position`,
      )
      yield { items: rows.map((row) => toArchived(table, row)), end: part }
      last = part
    }
    yield { items: [], end }
  }
}

/** Cuts the archive into pieces of so many rows, of whatever kind they are. */
async function* stretches(
  database: Database,
  table: OutboxTable,
  selection: ArchiveSelection,
  start?: ArchiveCursor,
): AsyncGenerator<{ readonly after: ArchiveCursor | undefined; readonly end: ArchiveCursor }> {
  let after = start
  for (;;) {
    const [row] = await run(
      database,
      sql`select ${cursorColumns(database)} from ${archiveName(database, table)} a
        where ${between(database, selection, after)}
        order by a.published_at, a.position limit 1 offset ${raw(String(scannedRows - 1))}`,
    )
    // Nothing at or after `to` is ever looked at.
    const end = row === undefined ? { publishedAt: selection.to, position: 0 } : toCursor(row)
    yield { after, end }
    if (row === undefined) return
    after = end
  }
}

/** Where the next read ends: after so many rows, or with the one that reaches the bound in bytes; none: nothing is left. */
async function nextPart(
  database: Database,
  table: OutboxTable,
  selection: ArchiveSelection,
  after: ArchiveCursor | undefined,
  end: ArchiveCursor,
): Promise<ArchiveCursor | undefined> {
  const length =
    database.dialect === 'postgres' && table.payload === 'json'
      ? 'octet_length(a.payload::text)'
      : 'octet_length(a.payload)'
  const rows = await run(
    database,
    sql`select ${cursorColumns(database)}, ${raw(length)} as bytes from ${archiveName(database, table)} a
      where ${within(database, selection, after, end)}
      order by a.published_at, a.position limit ${raw(String(rowsPerRead))}`,
  )
  let bytes = 0
  const last = rows.find((row) => (bytes += Number(row['bytes'] ?? 0)) >= bytesPerRead) ?? rows.at(-1)
  return last === undefined ? undefined : toCursor(last)
}

/** By the primary key alone. */
function between(
  database: Database,
  { from, to }: ArchiveSelection,
  after: ArchiveCursor | undefined,
): SqlStatement {
  const at = (text: string): SqlStatement => momentValue(database, text)
  return allOf([
    from === undefined ? undefined : sql`a.published_at >= ${at(from)}`,
    sql`a.published_at < ${at(to)}`,
    after === undefined ? undefined : sql`a.published_at >= ${at(after.publishedAt)}`,
    after === undefined
      ? undefined
      : sql`(a.published_at > ${at(after.publishedAt)} or a.position > ${raw(String(after.position))})`,
  ])
}

/** What is to be sent of a stretch. Only what was published: never what was given up. */
function within(
  database: Database,
  selection: ArchiveSelection,
  after: ArchiveCursor | undefined,
  end: ArchiveCursor,
): SqlStatement {
  const { fromPosition, toPosition, type, aggregateType, aggregateId } = selection
  const at = momentValue(database, end.publishedAt)
  return allOf([
    between(database, selection, after),
    sql`a.published_at <= ${at}`,
    sql`(a.published_at < ${at} or a.position <= ${raw(String(end.position))})`,
    sql`a.outcome = ${'published'}`,
    fromPosition === undefined ? undefined : sql`a.position >= ${raw(String(fromPosition))}`,
    toPosition === undefined ? undefined : sql`a.position <= ${raw(String(toPosition))}`,
    type === undefined ? undefined : sql`a.type = ${type}`,
    aggregateType === undefined ? undefined : sql`a.aggregatetype = ${aggregateType}`,
    aggregateId === undefined ? undefined : sql`a.aggregateid = ${aggregateId}`,
  ])
}

function archiveName({ dialect }: Database, table: OutboxTable): SqlStatement {
  return raw(qualifiedName(table, dialect, 'archive'))
}

function momentValue({ dialect }: Database, moment: string): SqlStatement {
  return dialect === 'postgres'
    ? sql`${moment}::text::timestamptz`
    : sql`cast(${moment.replace('T', ' ').replace('Z', '')} as datetime(6))`
}

function cursorColumns({ dialect }: Database): SqlStatement {
  const text = dialect === 'postgres' ? '::text' : ''
  return raw(`${momentColumn(dialect, 'a', 'published_at')}, a.position${text} as position`)
}

function toCursor(row: Row): ArchiveCursor {
  return { publishedAt: String(row['published_at']), position: toPosition(row['position']) }
}

function toArchived(table: OutboxTable, row: Row): ArchivedEvent {
  const event = { ...toSummary(row), payload: payloadOf(table, row), headers: textOf(row['headers']) }
  return { event, cursor: toCursor(row) }
}

function toGroup(row: Row): ArchiveGroup {
  const firstPosition = toPosition(row['first_position'])
  const firstPublishedAt = String(row['first_at'])
  return {
    events: Number(row['events']),
    firstPublishedAt,
    lastPublishedAt: String(row['last_at']),
    firstPosition,
    lastPosition: toPosition(row['last_position']),
    sample: {
      position: firstPosition,
      id: '',
      aggregateType: String(row['aggregatetype']),
      aggregateId: textOf(row['aggregateid']),
      type: String(row['type']),
      payload: null,
      headers: null,
      topic: textOf(row['topic']),
      createdAt: firstPublishedAt,
    },
  }
}
