import { OutboxError, type Dialect, type OutboxTable, type SqlStatement } from '@outboxkit/core'
import type { Row } from '../database/database.js'
import { raw } from './statement.js'

/** What is shown of an event without its payload. */
export interface EventSummary {
  readonly position: number
  readonly id: string
  readonly aggregateType: string
  readonly aggregateId: string | null
  readonly type: string
  /** The event's own topic, if it names one. */
  readonly topic: string | null
  /** RFC 3339, UTC. */
  readonly createdAt: string
}

/** A moment of the database as RFC 3339 in UTC, under the column's name. The session is in UTC. */
export function momentColumn(dialect: Dialect, alias: string, column: string): string {
  return dialect === 'postgres'
    ? `to_char(${alias}.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${column}`
    : `date_format(${alias}.${column}, '%Y-%m-%dT%H:%i:%s.%fZ') as ${column}`
}

/** The columns of {@link toSummary}. */
export function summaryColumns(dialect: Dialect, alias: string): SqlStatement {
  const text = dialect === 'postgres' ? '::text' : ''
  return raw(
    [
      ...['position', 'id'].map((name) => `${alias}.${name}${text} as ${name}`),
      ...['aggregatetype', 'aggregateid', 'type', 'topic'].map((name) => `${alias}.${name}`),
      momentColumn(dialect, alias, 'created_at'),
    ].join(', '),
  )
}

export function toSummary(row: Row): EventSummary {
  return {
    position: toPosition(row['position']),
    id: String(row['id']),
    aggregateType: String(row['aggregatetype']),
    aggregateId: textOf(row['aggregateid']),
    type: String(row['type']),
    topic: textOf(row['topic']),
    createdAt: String(row['created_at']),
  }
}

/** Payload and headers as they are stored: bytes as hexadecimal digits, so that no driver interprets them. */
export function contentColumns(table: OutboxTable, dialect: Dialect, alias: string): SqlStatement {
  if (dialect === 'mysql')
    return raw(
      `${table.payload === 'bytes' ? `hex(${alias}.payload)` : `${alias}.payload`} as payload, ${alias}.headers`,
    )
  const payload = table.payload === 'bytes' ? `encode(${alias}.payload, 'hex')` : `${alias}.payload::text`
  return raw(`${payload} as payload, ${alias}.headers::text as headers`)
}

/** The payload of a row of {@link contentColumns}. */
export function payloadOf(table: OutboxTable, row: Row): string | Uint8Array | null {
  const payload = textOf(row['payload'])
  return payload === null || table.payload === 'json' ? payload : new Uint8Array(Buffer.from(payload, 'hex'))
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : value == null ? null : JSON.stringify(value)
}

export function toPosition(value: unknown): number {
  const position = Number(value)
  if (Number.isSafeInteger(position)) return position
  throw new OutboxError(
    'OUTBOX_DATABASE_FAILED',
    `Position ${String(value)} is above ${Number.MAX_SAFE_INTEGER} and cannot be handled.`,
  )
}
