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

/** `2026-01-31 12:00:00.123456+00` of PostgreSQL and the same without a zone (UTC) of MySQL, as RFC 3339 in UTC. */
export function moment(text: string): string {
  const [, day, time, fraction = '', zone = ''] =
    /^(\S+)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text) ?? []
  if (day === undefined) return text
  // Minutes of a zone may be left out by the server, not by the date.
  const offset = zone === '' || zone === 'Z' ? 'Z' : zone.length === 3 ? `${zone}:00` : zone
  const seconds = new Date(`${day}T${time}${offset}`)
  if (Number.isNaN(seconds.getTime())) return text
  return `${seconds.toISOString().slice(0, 19)}${fraction}Z`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : JSON.stringify(value)
}
