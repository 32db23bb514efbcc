import { Histogram, type HistogramSnapshot } from './histogram.js'

/**
 * Everything that is counted, in one place: plain numbers, written by the loop, read by `relay.metrics()`.
 * Counters only grow for as long as the relay object lives.
 */
export interface RelayCounters {
  /** Events that the broker has acknowledged; a repetition counts again. */
  published: number
  /** Outbox rows that have left the table as done (published or skipped). */
  settled: number
  /** Outbox rows moved to the held table. */
  held: number
  /** Rows published out of the held table. */
  drained: number
  /** Held rows deleted because a person asked for it. */
  discarded: number
  /** Scopes that became free again. */
  lifted: number
  /** Events given up by the policy `skip`. */
  skipped: number
  /** Answers `reject`, whatever the policy made of them. */
  rejected: number
  /** Answers `retry`. */
  retried: number
  /** Calls of the publisher, and those in which nothing at all got through. */
  publishCalls: number
  publishCallsFailed: number
  /** Total time spent in the publisher, in ms. */
  publishMs: number
  reads: number
  readsEmpty: number
  settles: number
  /** Events that only the source's safety sweep has found. */
  late: number
  faults: number
  acquisitions: number
  /** Acquisitions after an owner that had not released the lease. */
  acquisitionsUnclean: number
  renewals: number
  /** How often the relay went to sleep. */
  sleeps: number
  leasesLost: number
  fingerprintChanges: number
  /** Listeners that threw or rejected. */
  listenerFailures: number
  /** How often the loop, or the wait for the lease, has gone round: as long as it grows, the relay is alive. */
  turns: number
}

export interface RelayGauges {
  /** 1 while this relay owns the lease. */
  owner: number
  epoch: number
  /** Events and bytes read and not yet settled. */
  inFlightEvents: number
  inFlightBytes: number
  /** Keys and topics whose events wait in the held table. */
  heldKeys: number
  heldTopics: number
  /** Topics that are failing while others succeed, and are not held yet. */
  stalledTopics: number
  /** Positions that reading has skipped and that an open transaction may still bring. */
  openPositions: number
  /** `Date.now()` of the last acknowledgement and of the last successful read; 0: none yet. */
  lastPublishedAt: number
  lastReadAt: number
}

export type RelayMetrics = Readonly<RelayCounters & RelayGauges>

export function createMetrics(): RelayCounters & RelayGauges {
  return {
    published: 0,
    settled: 0,
    held: 0,
    drained: 0,
    discarded: 0,
    lifted: 0,
    skipped: 0,
    rejected: 0,
    retried: 0,
    publishCalls: 0,
    publishCallsFailed: 0,
    publishMs: 0,
    reads: 0,
    readsEmpty: 0,
    settles: 0,
    late: 0,
    faults: 0,
    acquisitions: 0,
    acquisitionsUnclean: 0,
    renewals: 0,
    sleeps: 0,
    leasesLost: 0,
    fingerprintChanges: 0,
    listenerFailures: 0,
    turns: 0,
    owner: 0,
    epoch: 0,
    inFlightEvents: 0,
    inFlightBytes: 0,
    heldKeys: 0,
    heldTopics: 0,
    stalledTopics: 0,
    openPositions: 0,
    lastPublishedAt: 0,
    lastReadAt: 0,
  }
}

/** Distributions since the relay object was made. Times in ms. */
export interface RelayHistograms {
  /** Duration of a call of the publisher. */
  readonly publishMs: HistogramSnapshot
  /** Events in a call of the publisher. */
  readonly publishEvents: HistogramSnapshot
  /** Duration of a settlement: the transaction in which rows leave the outbox. */
  readonly settleMs: HistogramSnapshot
  /**
   * From the insert of an event to the acknowledgement by the broker. The insert's time is the database's; the
   * difference between its clock and ours, as the source has measured it, is taken into account.
   */
  readonly lagMs: HistogramSnapshot
}

export type Histograms = { readonly [Name in keyof RelayHistograms]: Histogram }

const durations = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]

export function createHistograms(): Histograms {
  return {
    publishMs: new Histogram(durations),
    publishEvents: new Histogram([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000]),
    settleMs: new Histogram(durations),
    lagMs: new Histogram([...durations, 60_000, 300_000, 900_000, 3_600_000]),
  }
}
