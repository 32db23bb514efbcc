import type { HistogramSnapshot } from '@outboxkit/relay'
import type { Histogram } from 'prom-client'

export interface NamedSnapshot {
  readonly outbox: string
  readonly snapshot: HistogramSnapshot
  /** What the values are divided by. */
  readonly unit: number
}

type Shown = Awaited<ReturnType<Histogram['get']>>

/**
 * A histogram for a registry of prom-client. Its own only counts what it observes itself; the relay has counted
 * already, so that there is only something to show.
 */
export function countedHistogram(
  name: string,
  help: string,
  snapshots: () => readonly NamedSnapshot[],
): Histogram {
  const get = async (): Promise<unknown> => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: snapshots().flatMap((one) => valuesOf(name, one)),
  })
  // A registry asks for nothing but the name and the values.
  return { name, get } as unknown as Histogram
}

function valuesOf(name: string, { outbox, snapshot, unit }: NamedSnapshot): Shown['values'] {
  let below = 0
  const buckets = snapshot.counts.map((count, index) => {
    below += count
    const bound = snapshot.bounds[index]
    const le = bound === undefined ? '+Inf' : bound / unit
    return { metricName: `${name}_bucket`, labels: { outbox, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { outbox }, value: snapshot.sum / unit },
    { metricName: `${name}_count`, labels: { outbox }, value: snapshot.count },
  ]
}
