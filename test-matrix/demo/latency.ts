import type { LedgerRow } from '../checker/index.js'

export interface Latency {
  readonly p50: number
  readonly p99: number
}

export interface Outage {
  readonly from: number
  readonly to: number
}

/**
 * From the INSERT of an event (the database's clock, the same machine's) to the consumer, in milliseconds.
 * Events inserted while no relay was there, or in the transaction that was kept open on purpose, are left out:
 * they would measure the fault.
 */
export function latencyOf(
  rows: readonly LedgerRow[],
  arrivals: ReadonlyMap<string, number>,
  outages: readonly Outage[],
): Latency {
  const values = rows.flatMap(({ eventId, stored, aggregateId }) => {
    const at = arrivals.get(eventId)
    if (at === undefined || stored === null || aggregateId === 'account-with-a-slow-bank') return []
    const inserted = Date.parse(stored.createdAt)
    return outages.some(({ from, to }) => inserted >= from && inserted <= to)
      ? []
      : [Math.max(0, at - inserted)]
  })
  values.sort((a, b) => a - b)
  const at = (share: number): number =>
    values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}
