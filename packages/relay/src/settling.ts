import { OutboxError, type StoredEvent } from '@outboxkit/core'

/* What every settlement does, whatever the database. */

/** Throws `OUTBOX_LEASE_LOST` when the fence has found no row. */
export function requireLease(rows: readonly unknown[]): void {
  if (rows.length > 0) return
  throw new OutboxError(
    'OUTBOX_LEASE_LOST',
    'The lease is lost: another relay has taken it over. Nothing was changed.',
  )
}

export function positionsOf(events: readonly StoredEvent[]): number[] {
  return events.map(({ position }) => position)
}

export function chunk<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = []
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size))
  return chunks
}
