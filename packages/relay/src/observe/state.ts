import { OutboxError, resolveTable, type Dialect, type OutboxTable, type TableOptions } from '@outboxkit/core'
import type { HeldKind } from '../source.js'
import { queryOf, type QueryTarget } from './query.js'
import { stateStatement } from './state-statement.js'

export interface OutboxStateOptions {
  /** Default `postgres`; `mysql` for MariaDB too. */
  readonly dialect?: Dialect | undefined
  readonly table?: TableOptions | OutboxTable | undefined
  /** Counting ends here. Default 10,000. */
  readonly countUpTo?: number | undefined
}

/** A number of rows. `atLeast`: counting has ended there, and more may be in the table. */
export interface RowCount {
  readonly rows: number
  readonly atLeast: boolean
}

/** What the tables of an outbox say about it; all times by the database's clock, in seconds. */
export interface OutboxState {
  /** Not published yet, those out of line aside. `oldestAgeSeconds`: of the row with the lowest position. */
  readonly backlog: RowCount & { readonly oldestAgeSeconds: number | null }
  /** Waiting out of line. `oldestAgeSeconds`: since the insert of the event with the lowest position. */
  readonly held: Readonly<Record<HeldKind, RowCount>> & { readonly oldestAgeSeconds: number | null }
  /** `undefined`: no relay has ever run on these tables. */
  readonly lease: LeaseSummary | undefined
  /** Of the held event with the highest position. */
  readonly lastError: HeldError | undefined
  readonly databaseTime: Date
}

export interface LeaseSummary {
  /** `null`: nobody; the last owner has stopped cleanly. */
  readonly owner: string | null
  /** The owner's time has run out: it has died, or is about to be replaced. */
  readonly expired: boolean
  /** Until it runs out; negative: since then. `null` without an owner. */
  readonly expiresInSeconds: number | null
  readonly epoch: number
  readonly renewals: number
  readonly schemaVersion: number
  /** What last went wrong in whichever relay owned the table then; it may be over. */
  readonly lastError: RelayError | undefined
}

export interface RelayError {
  readonly code: string
  readonly message: string
  readonly ageSeconds: number
}

export interface HeldError {
  readonly scopeKind: HeldKind
  readonly scope: string
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly ageSeconds: number
}

/**
 * How an outbox is doing, in one statement: for an application's own metrics, or a health check, without the worker.
 * Needs SELECT on the outbox, lease and held tables. Rejects as the query does.
 *
 *     const { backlog, lease } = await outboxMetrics(db)
 *
 * `db`: a handle of Prisma, Drizzle or Knex, wrapped or not, a pool or client of `pg` or `mysql2/promise`, or a
 * function that runs a statement and returns its rows.
 */
export async function outboxMetrics(db: QueryTarget, options: OutboxStateOptions = {}): Promise<OutboxState> {
  const { dialect = 'postgres', countUpTo = 10_000 } = options
  if (!Number.isSafeInteger(countUpTo) || countUpTo < 1)
    throw new OutboxError('OUTBOX_OPTION_INVALID', `countUpTo must be a positive integer, got ${countUpTo}.`)
  const query = queryOf(db)
  const rows = await query(
    stateStatement(dialect, resolveTable(options.table as TableOptions | undefined), countUpTo),
  )
  return toState((rows[0] ?? {}) as Row, countUpTo)
}

/** The statement makes text of everything. */
type Row = Readonly<Record<string, string | null | undefined>>

function toState(row: Row, countUpTo: number): OutboxState {
  const count = (column: string): RowCount => {
    const rows = Number(row[column])
    return { rows, atLeast: rows >= countUpTo }
  }
  const age = (column: string): number | null => {
    const seconds = numberOrNull(row[column])
    return seconds === null ? null : Math.max(0, seconds)
  }
  return {
    backlog: { ...count('backlog_rows'), oldestAgeSeconds: age('backlog_age') },
    held: {
      key: count('held_key'),
      topic: count('held_topic'),
      time: count('held_time'),
      oldestAgeSeconds: age('held_age'),
    },
    lease: toLease(row),
    lastError: toError(row, age('error_age')),
    databaseTime: new Date(Number(row['database_time']) * 1_000),
  }
}

function toLease(row: Row): LeaseSummary | undefined {
  if (row['lease_epoch'] == null) return undefined
  const owner = row['lease_owner'] ?? null
  const expiredFor = numberOrNull(row['lease_expired_for'])
  return {
    owner,
    expired: owner !== null && (expiredFor === null || expiredFor >= 0),
    expiresInSeconds: owner === null || expiredFor === null ? null : -expiredFor,
    epoch: Number(row['lease_epoch']),
    renewals: Number(row['lease_renewals']),
    schemaVersion: Number(row['schema_version']),
    lastError: toRelayError(row['relay_error'], numberOrNull(row['relay_error_age'])),
  }
}

function toRelayError(text: string | null | undefined, ageSeconds: number | null): RelayError | undefined {
  const [, code = '', message = ''] = /^(\w+): (.*)$/s.exec(text ?? '') ?? []
  return code === '' ? undefined : { code, message, ageSeconds: Math.max(0, ageSeconds ?? 0) }
}

function toError(row: Row, ageSeconds: number | null): HeldError | undefined {
  if (row['error_code'] == null) return undefined
  return {
    scopeKind: row['error_scope_kind'] as HeldKind,
    scope: String(row['error_scope']),
    code: String(row['error_code']),
    reason: String(row['error_reason']),
    attempts: Number(row['error_attempts']),
    ageSeconds: ageSeconds ?? 0,
  }
}

function numberOrNull(value: string | null | undefined): number | null {
  return value == null ? null : Number(value)
}
