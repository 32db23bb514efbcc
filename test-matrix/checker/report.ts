export const problemKinds = [
  'lost',
  'phantom',
  'misordered',
  'corrupt',
  'stuck',
  'falseMark',
  'neverStored',
  'wrongOutcome',
] as const

/**
 * - `lost`: committed, and not on the topic.
 * - `phantom`: on the topic, and not committed.
 * - `misordered`: its first occurrence comes after that of a later event of the same aggregate.
 * - `corrupt`: topic, partition, key, value or a header is not what was emitted, or two copies differ.
 * - `stuck`: still in the outbox or held table after healing.
 * - `falseMark`: gone from the tables although it is not on the topic.
 * - `neverStored`: committed, but no row ever entered the outbox: the emitting side lost it.
 * - `wrongOutcome`: the caller was told that it committed and it did not, or the other way round.
 */
export type ProblemKind = (typeof problemKinds)[number]

export interface Counts extends Record<ProblemKind, number> {
  /** Committed events. */
  emitted: number
  /** Events of transactions and savepoints that rolled back. */
  rolledBack: number
  /** Distinct committed events on the topic. */
  received: number
  /** Copies beyond the first. */
  duplicates: number
}

export interface Problem {
  readonly kind: ProblemKind
  readonly orm: string
  readonly eventId: string | null
  /** For people: which event, where, what was expected. */
  readonly detail: string
}

export interface Report {
  readonly total: Counts
  readonly byOrm: Readonly<Record<string, Counts>>
  /** The first few of each kind. */
  readonly samples: readonly Problem[]
  /** Why the run does not count as passed; empty: it passed. */
  readonly failures: readonly string[]
}

/** An `orm` for what belongs to none, such as a phantom that nobody has attempted. */
export const unknownOrm = '?'

const noCounts = (): Counts => ({
  emitted: 0,
  rolledBack: 0,
  received: 0,
  duplicates: 0,
  lost: 0,
  phantom: 0,
  misordered: 0,
  corrupt: 0,
  stuck: 0,
  falseMark: 0,
  neverStored: 0,
  wrongOutcome: 0,
})

/** Counts in total and per ORM, and keeps a few samples of each kind. */
export class Tally {
  readonly total = noCounts()
  readonly #byOrm = new Map<string, Counts>()
  readonly #samples: Problem[] = []
  readonly #samplesPerKind: number

  constructor(samplesPerKind: number) {
    this.#samplesPerKind = samplesPerKind
  }

  count(what: keyof Counts, orm: string): void {
    const counts = this.#byOrm.get(orm) ?? noCounts()
    this.#byOrm.set(orm, counts)
    counts[what] += 1
    this.total[what] += 1
  }

  problem(kind: ProblemKind, orm: string, eventId: string | null, detail: string): void {
    this.count(kind, orm)
    if (this.total[kind] <= this.#samplesPerKind) this.#samples.push({ kind, orm, eventId, detail })
  }

  result(): Pick<Report, 'total' | 'byOrm' | 'samples'> {
    return { total: this.total, byOrm: Object.fromEntries(this.#byOrm), samples: this.#samples }
  }
}

/** The report as a table for people, followed by the samples. */
export function formatReport(report: Report): string {
  const columns = Object.keys(report.total) as (keyof Counts)[]
  const rows = [...Object.entries(report.byOrm), ['total', report.total] as const]
  const lines = [
    ['', ...columns],
    ...rows.map(([orm, counts]) => [orm, ...columns.map((column) => counts[column].toLocaleString('en'))]),
  ]
  const widths = lines[0]!.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  return [
    ...lines.map((line) => line.map((cell, index) => cell.padStart(widths[index]!)).join('  ')),
    ...report.samples.map(
      ({ kind, orm, eventId, detail }) => `${kind} (${orm}, ${eventId ?? '-'}): ${detail}`,
    ),
    report.failures.length === 0 ? 'passed' : `FAILED: ${report.failures.join('; ')}`,
  ].join('\n')
}
