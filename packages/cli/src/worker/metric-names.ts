import type { RelayHistograms, RelayMetrics } from '@outboxkit/relay'

// What the worker shows of a relay. Names and units follow Prometheus' rules, which a test checks with its own tool.

export type Definition = readonly [name: string, help: string, valueOf: (metrics: RelayMetrics) => number]

/** `undefined`: there is nothing to show yet. */
export type GaugeDefinition = readonly [
  name: string,
  help: string,
  valueOf: (metrics: RelayMetrics) => number | undefined,
]

export const counters: readonly Definition[] = [
  [
    'outboxkit_events_published_total',
    'Events that the broker has acknowledged; a repetition counts again.',
    (m) => m.published,
  ],
  [
    'outboxkit_events_retried_total',
    'Events in publish calls that have to be tried again.',
    (m) => m.retried,
  ],
  ['outboxkit_events_rejected_total', 'Events that can never be published as they are.', (m) => m.rejected],
  ['outboxkit_events_held_total', 'Events moved to the held table.', (m) => m.held],
  ['outboxkit_events_drained_total', 'Events published out of the held table.', (m) => m.drained],
  [
    'outboxkit_events_discarded_total',
    'Held events deleted because a person asked for it.',
    (m) => m.discarded,
  ],
  ['outboxkit_events_skipped_total', 'Events given up by the policy skip.', (m) => m.skipped],
  [
    'outboxkit_events_late_total',
    'Events that only the safety sweep has found; should stay 0.',
    (m) => m.late,
  ],
  ['outboxkit_rows_settled_total', 'Rows that have left the outbox table as done.', (m) => m.settled],
  ['outboxkit_scopes_lifted_total', 'Keys and topics that became free again.', (m) => m.lifted],
  [
    'outboxkit_publish_calls_failed_total',
    'Calls of the publisher in which nothing got through.',
    (m) => m.publishCallsFailed,
  ],
  ['outboxkit_reads_total', 'Reads of the outbox table.', (m) => m.reads],
  ['outboxkit_reads_empty_total', 'Reads that found nothing new.', (m) => m.readsEmpty],
  ['outboxkit_faults_total', 'Faults that the relay recovers from by itself.', (m) => m.faults],
  ['outboxkit_lease_acquisitions_total', 'How often this relay became the owner.', (m) => m.acquisitions],
  [
    'outboxkit_lease_acquisitions_unclean_total',
    'Those after an owner that had not released the lease.',
    (m) => m.acquisitionsUnclean,
  ],
  ['outboxkit_lease_renewals_total', 'Renewals of the lease by this relay.', (m) => m.renewals],
  ['outboxkit_leases_lost_total', 'How often the lease was lost while working.', (m) => m.leasesLost],
  [
    'outboxkit_server_changes_total',
    'How often another database server answered than before.',
    (m) => m.fingerprintChanges,
  ],
  ['outboxkit_sleeps_total', 'How often the relay went to sleep.', (m) => m.sleeps],
  [
    'outboxkit_turns_total',
    'Turns of the loop, or of the wait for the lease; grows as long as the relay is alive.',
    (m) => m.turns,
  ],
]

export const gauges: readonly GaugeDefinition[] = [
  ['outboxkit_owner', '1 while this relay owns the lease of the table.', (m) => m.owner],
  ['outboxkit_epoch', 'The epoch of this relay, when it was the owner last.', (m) => m.epoch],
  ['outboxkit_in_flight_events', 'Events read and not yet settled.', (m) => m.inFlightEvents],
  ['outboxkit_in_flight_bytes', 'Their size in memory.', (m) => m.inFlightBytes],
  [
    'outboxkit_open_positions',
    'Holes: positions that an open transaction may still bring.',
    (m) => m.openPositions,
  ],
  [
    'outboxkit_stalled_topics',
    'Topics that fail while others succeed and are not held yet.',
    (m) => m.stalledTopics,
  ],
  [
    'outboxkit_last_publish_timestamp_seconds',
    'When the broker last acknowledged something; absent: never.',
    (m) => secondsOf(m.lastPublishedAt),
  ],
  [
    'outboxkit_last_read_timestamp_seconds',
    'When the table was last read; absent: never.',
    (m) => secondsOf(m.lastReadAt),
  ],
]

export const histograms: readonly (readonly [string, string, keyof RelayHistograms, number])[] = [
  ['outboxkit_publish_duration_seconds', 'Duration of a call of the publisher.', 'publishMs', 1_000],
  ['outboxkit_publish_batch_events', 'Events in a call of the publisher.', 'publishEvents', 1],
  [
    'outboxkit_settle_duration_seconds',
    'Duration of the transaction in which rows leave the outbox.',
    'settleMs',
    1_000,
  ],
  [
    'outboxkit_commit_to_ack_seconds',
    'From the insert of an event to the acknowledgement by the broker.',
    'lagMs',
    1_000,
  ],
]

/** 0 ms: never. */
function secondsOf(ms: number): number | undefined {
  return ms === 0 ? undefined : ms / 1_000
}
