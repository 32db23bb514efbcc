import { expectedMessage, type WireConfig } from '../expected.js'
import type { Attempt, History, LedgerRow, Message } from '../history.js'

export const wire: WireConfig = { source: 'urn:test', topic: 'outbox.event.{aggregateType}' }
export const partitions = { 'outbox.event.order': 3, 'outbox.event.invoice': 2, 'orders.v2': 1 }

/** A committed event, the `n`th of the run, as number `seq` of its aggregate. */
export function ledgerRow(
  n: number,
  aggregateId: string,
  seq: number,
  more: Partial<LedgerRow> = {},
): LedgerRow {
  return {
    eventId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    orm: ['prisma', 'drizzle', 'knex'][n % 3]!,
    aggregateType: 'order',
    aggregateId,
    seq,
    type: 'order.placed',
    payload: `{"n":${n},"note":"Grüße"}`,
    headers: n % 2 === 0 ? { tenant: 'acme' } : {},
    topic: null,
    stored: { position: n, createdAt: `2026-01-01T00:00:00.${String(n).padStart(6, '0')}Z` },
    ...more,
  }
}

/** A clean log: each sequence of rows lands on its partitions in the given order; repeats are duplicates. */
export function logOf(rows: readonly LedgerRow[]): Message[] {
  const next = new Map<string, number>()
  return rows.map((row) => {
    const { topic, partition, key, value, headers } = expectedMessage(row, wire, partitions)
    const place = `${topic}/${partition}`
    const offset = next.get(place) ?? 0
    next.set(place, offset + 1)
    return {
      topic,
      partition,
      offset,
      key: Buffer.from(key),
      value: Buffer.from(value),
      headers: [...headers].map(([name, text]) => [name, Buffer.from(text)] as const),
    }
  })
}

export function okAttempt(row: LedgerRow): Attempt {
  return {
    attempt: `a-${row.eventId}`,
    orm: row.orm,
    seed: 1,
    outcome: 'ok',
    events: [row.eventId],
    abandoned: [],
  }
}

/** A history in which everything went well; `log` defaults to the ledger's order. */
export function history(ledger: readonly LedgerRow[], more: Partial<History> = {}): History {
  return {
    ledger,
    attempts: ledger.map(okAttempt),
    messages: logOf(ledger),
    left: [],
    faults: [],
    partitions,
    ...more,
  }
}
