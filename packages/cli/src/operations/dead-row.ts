import {
  OutboxError,
  qualifiedName,
  type Dialect,
  type OutboxTable,
  type SqlStatement,
} from '@outboxkit/core'
import type { Database, Row } from '../database/database.js'
import { momentColumn, summaryColumns, toPosition, toSummary, type EventSummary } from './event-row.js'
import { joined, raw, sql } from './statement.js'

/* A row of the held table: what it is, and how it is found. */

/** What a person can ask the owner to do with a held event. */
export type DeadRequest = 'retry' | 'discard'

export type DeadKind = 'key' | 'topic' | 'time'

/** Which held events; everything that is given has to fit. */
export interface DeadFilter {
  readonly kind?: DeadKind | undefined
  readonly scope?: string | undefined
  /** Code of the reason, e.g. `OUTBOX_PUBLISH_REJECTED`. */
  readonly code?: string | undefined
  readonly type?: string | undefined
  readonly aggregateType?: string | undefined
  readonly aggregateId?: string | undefined
}

/** An event of the held table. */
export interface DeadEvent extends EventSummary {
  readonly kind: DeadKind
  readonly scope: string
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly heldAt: string
  /** What was asked and is not done yet. */
  readonly request: DeadRequest | null
}

export function heldName({ dialect }: Database, table: OutboxTable): SqlStatement {
  return raw(qualifiedName(table, dialect, 'held'))
}

export function positionList(positions: readonly number[]): SqlStatement {
  return joined(
    positions.map((position) => raw(String(toPosition(position)))),
    ', ',
  )
}

/** What a filter asks of a row. */
export function conditions(filter: DeadFilter, alias: string): readonly (SqlStatement | undefined)[] {
  const columns = {
    kind: 'scope_kind',
    scope: 'scope',
    code: 'code',
    type: 'type',
    aggregateType: 'aggregatetype',
    aggregateId: 'aggregateid',
  } as const satisfies Record<keyof DeadFilter, string>
  return (Object.keys(columns) as (keyof DeadFilter)[]).map((key) => {
    const value = filter[key]
    return value === undefined ? undefined : sql`${raw(`${alias}.${columns[key]}`)} = ${value}`
  })
}

/** Throws `OUTBOX_OPTION_INVALID` for what is neither an event id nor a position. */
export function requireId(id: string): void {
  identified('postgres', id)
}

/** A row by event id or by position. */
export function identified(dialect: Dialect, id: string): SqlStatement {
  if (/^\d{1,16}$/.test(id) && Number.isSafeInteger(Number(id)))
    return sql`h.position = ${raw(String(Number(id)))}`
  const uuid = id.trim().toLowerCase()
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid))
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `${JSON.stringify(id)} is neither an event id (a UUID) nor a position (a number). 'outboxkit dead list --events' shows both.`,
    )
  return dialect === 'postgres' ? sql`h.id = ${uuid}::text::uuid` : sql`h.id = ${uuid}`
}

export function heldColumns({ dialect }: Database): SqlStatement {
  return sql`${summaryColumns(dialect, 'h')}, ${raw(
    `h.scope_kind, h.scope, h.code, h.reason, h.attempts, ${momentColumn(dialect, 'h', 'held_at')}, h.request`,
  )}`
}

export function toDeadEvent(row: Row): DeadEvent {
  const request = row['request']
  return {
    ...toSummary(row),
    kind: row['scope_kind'] as DeadKind,
    scope: String(row['scope']),
    code: String(row['code']),
    reason: String(row['reason']),
    attempts: Number(row['attempts']),
    heldAt: String(row['held_at']),
    request: request === 'retry' || request === 'discard' ? request : null,
  }
}
