import type { StoredEvent } from '@outboxkit/core'
import type { Row } from '../database/database.js'

/** A row of the outbox as `Database` reads it. */
export function toEvent(row: Row): StoredEvent {
  const text = (column: string): string | null => (row[column] == null ? null : textOf(row[column]))
  const payload = row['payload']
  return {
    position: Number(row['position']),
    id: text('id') ?? '',
    aggregateType: text('aggregatetype') ?? '',
    aggregateId: text('aggregateid'),
    type: text('type') ?? '',
    payload: payload instanceof Uint8Array ? payload : text('payload'),
    headers: text('headers'),
    topic: text('topic'),
    createdAt: moment(text('created_at') ?? ''),
  }
}

/** `2026-01-31 12:00:00.123456+00` of PostgreSQL and the same without a zone of MySQL, as RFC 3339. */
function moment(text: string): string {
  return `${text.replace(' ', 'T').replace(/(Z|[+-]\d\d(:?\d\d)?)?$/, '')}Z`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : JSON.stringify(value)
}
