import { OutboxError, type StoredEvent } from '@outboxkit/core'
import type { HeldKind, HeldRow, HeldScope } from '../source.js'
import type { RawRow } from './connection.js'

type Value = RawRow[number] | undefined

/** A position as a number. Throws `OUTBOX_SOURCE_UNSUPPORTED` above `Number.MAX_SAFE_INTEGER`. */
export function toPosition(value: Value): number {
  const position = Number(value)
  if (Number.isSafeInteger(position)) return position
  throw new OutboxError(
    'OUTBOX_SOURCE_UNSUPPORTED',
    `Position ${String(value)} is above ${Number.MAX_SAFE_INTEGER}: the outbox table cannot be read beyond it. Delete the row, and set the next number back (alter table … auto_increment = …), if it was set by hand.`,
  )
}

/** A raw row (position, bytes, then the event's columns) as an event. Nothing in it is interpreted. */
export function toEvent(row: RawRow): StoredEvent {
  const [position, , id, aggregateType, aggregateId, type, payload, headers, topic, createdAt] = row
  return {
    position: toPosition(position),
    id: text(id) ?? '',
    aggregateType: text(aggregateType) ?? '',
    aggregateId: text(aggregateId),
    type: text(type) ?? '',
    payload: toPayload(payload),
    headers: text(headers),
    topic: text(topic),
    createdAt: text(createdAt) ?? '',
  }
}

/** Text from a text column, bytes from a column of bytes. */
export function toPayload(value: Value): string | Uint8Array | null {
  return value === null || value === undefined || Buffer.isBuffer(value) ? (value ?? null) : String(value)
}

export function text(value: Value): string | null {
  if (value === null || value === undefined) return null
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value)
}

/** A raw row of the held table. */
export function toHeldRow(row: RawRow, { kind, scope }: HeldScope): HeldRow {
  const [code, reason, attempts, request] = row.slice(10)
  const asked = text(request)
  return {
    event: toEvent(row),
    kind,
    scope,
    code: text(code) ?? '',
    reason: text(reason) ?? '',
    attempts: Number(attempts),
    // anything else that was written by hand asks for nothing that we know
    request: asked === 'retry' || asked === 'discard' ? asked : null,
  }
}

export function toScope([kind, scope]: RawRow): HeldScope {
  return { kind: text(kind) as HeldKind, scope: text(scope) ?? '' }
}
