import { OutboxError, type StoredEvent } from '@outboxkit/core'
import type { HeldKind, HeldRow, HeldScope } from '../source.js'
import type { Holders, Snapshot } from '../holes.js'
import type { RawRow } from './connection.js'

/** A position as a number. Throws `OUTBOX_SOURCE_UNSUPPORTED` above `Number.MAX_SAFE_INTEGER`. */
export function toPosition(text: string | null | undefined): number {
  const position = Number(text)
  if (Number.isSafeInteger(position)) return position
  throw new OutboxError(
    'OUTBOX_SOURCE_UNSUPPORTED',
    `Position ${text} is above ${Number.MAX_SAFE_INTEGER}: the outbox table cannot be read beyond it. Delete the row, or set the sequence back, if the number was set by hand.`,
  )
}

/** A raw row (position, bytes, then the event's columns) as an event. Nothing in it is interpreted. */
export function toEvent(row: RawRow, binary: boolean): StoredEvent {
  const [position, , id, aggregateType, aggregateId, type, payload, headers, topic, createdAt] = row
  return {
    position: toPosition(position),
    id: id ?? '',
    aggregateType: aggregateType ?? '',
    aggregateId: aggregateId ?? null,
    type: type ?? '',
    payload: payload == null ? null : binary ? Buffer.from(payload, 'hex') : payload,
    headers: headers ?? null,
    topic: topic ?? null,
    createdAt: createdAt ?? '',
  }
}

/** A raw row of the held table. */
export function toHeldRow(row: RawRow, { kind, scope }: HeldScope, binary: boolean): HeldRow {
  const [code, reason, attempts, request] = row.slice(10)
  return {
    event: toEvent(row, binary),
    kind,
    scope,
    code: code ?? '',
    reason: reason ?? '',
    attempts: Number(attempts),
    // anything else that was written by hand asks for nothing that we know
    request: request === 'retry' || request === 'discard' ? request : null,
  }
}

export function toScope([kind, scope]: RawRow): HeldScope {
  return { kind: kind as HeldKind, scope: scope ?? '' }
}

/** The text `xmin:xmax:xip,…` of a snapshot. */
export function toSnapshot(text: string | null | undefined): Snapshot {
  const [, xmax, running] = (text ?? '').split(':')
  const top = Number(xmax)
  const ids = new Set(running === undefined || running === '' ? [] : running.split(',').map(Number))
  return { isRunning: (id) => id >= top || ids.has(id) }
}

const epochSize = 2 ** 32

/** Completes the low 32 bits of a transaction id to the id nearest to `next`, the server's next one. */
export function toFullId(low: number, next: number): number {
  const id = Math.floor(next / epochSize) * epochSize + low
  if (id > next + epochSize / 2) return id - epochSize
  return id < next - epochSize / 2 ? id + epochSize : id
}

/**
 * Rows of `readHolders`: first the next transaction id, then (virtual id, null) for each holder of a write lock
 * and (virtual id, transaction id) for each running transaction that has one.
 */
export function toHolders(rows: readonly RawRow[]): Holders {
  const next = Number(rows.find(([virtual]) => virtual === null)?.[1])
  const holding = new Set<string>()
  const idOf = new Map<string, number>()
  for (const [virtual, low] of rows) {
    if (virtual == null) continue
    if (low == null) holding.add(virtual)
    else {
      // Subtransactions have ids of their own, all of them younger than their transaction's.
      const id = toFullId(Number(low), next)
      idOf.set(virtual, Math.min(id, idOf.get(virtual) ?? id))
    }
  }
  const ids: number[] = []
  const nameless: string[] = []
  const prepared: number[] = []
  for (const virtual of holding) {
    // a prepared transaction whose session is gone is `-1/<its id>`
    const isPrepared = virtual.startsWith('-1/')
    const id = isPrepared ? toFullId(Number(virtual.slice(3)), next) : idOf.get(virtual)
    if (id === undefined) nameless.push(virtual)
    else ids.push(id)
    if (isPrepared && id !== undefined) prepared.push(id)
  }
  return { ids, nameless, idOf, prepared }
}
