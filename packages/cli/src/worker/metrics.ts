import { tableGauges, type OutboxState, type RelayHistograms, type RelayMetrics } from '@outboxkit/relay'
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { countedHistogram, type NamedSnapshot } from './counted-histogram.js'
import { counters, gauges, histograms } from './metric-names.js'
import type { StationState } from './station.js'

/** One outbox at the moment of a scrape. */
export interface MetricsView {
  readonly name: string
  readonly state: StationState
  /** `undefined`: there is no relay yet. */
  readonly metrics: RelayMetrics | undefined
  readonly histograms: RelayHistograms | undefined
  /** `undefined`: not measured, because the database is asleep or does not answer. Then there are no values. */
  readonly table: OutboxState | undefined
}

/** `/metrics`: everything is looked up when it is asked for. */
export class WorkerMetrics {
  readonly contentType: string
  readonly #registry = new Registry()
  #views: readonly MetricsView[] = []

  constructor() {
    this.contentType = this.#registry.contentType
    for (const [name, help, valueOf] of counters) this.#counter(name, help, valueOf)
    for (const [name, help, valueOf] of gauges) this.#gauge(name, help, valueOf)
    for (const [name, help, field, unit] of histograms) this.#histogram(name, help, field, unit)
    this.#states()
    this.#heldScopes()
    for (const { name, help, samples } of tableGauges)
      this.#labelled(name, help, ['kind'], ({ table }) => (table === undefined ? [] : samples(table)))
    collectDefaultMetrics({ register: this.#registry })
    // Gauges that call themselves _total, against Prometheus' own rules.
    for (const name of this.#registry.getMetricsAsArray().map((metric) => metric.name))
      if (/^nodejs_.*_total$/.test(name)) this.#registry.removeSingleMetric(name)
  }

  /** The text for Prometheus. */
  async text(views: readonly MetricsView[]): Promise<string> {
    this.#views = views
    return this.#registry.metrics()
  }

  #counter(name: string, help: string, valueOf: (metrics: RelayMetrics) => number): void {
    const views = (): readonly MetricsView[] => this.#views
    new Counter({
      name,
      help,
      labelNames: ['outbox'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const { name: outbox, metrics } of views())
          if (metrics !== undefined) this.inc({ outbox }, valueOf(metrics))
      },
    })
  }

  #gauge(name: string, help: string, valueOf: (metrics: RelayMetrics) => number | undefined): void {
    this.#labelled(name, help, [], ({ metrics }) => {
      const value = metrics === undefined ? undefined : valueOf(metrics)
      return value === undefined ? [] : [{ value }]
    })
  }

  #states(): void {
    this.#labelled(
      'outboxkit_relay_state',
      'The state of the relay: 1 for the one that it is in.',
      ['state'],
      ({ state: current }) =>
        states.map((state) => ({ labels: { state }, value: Number(state === current) })),
    )
    this.#labelled('outboxkit_relay_mode', 'How events are found: 1 for the mode in use.', ['mode'], () => [
      { labels: { mode: 'poll' }, value: 1 },
    ])
  }

  #heldScopes(): void {
    this.#labelled(
      'outboxkit_held_scopes',
      'Keys and topics whose events wait out of line, as the owner knows them.',
      ['kind'],
      ({ metrics }) =>
        metrics === undefined || metrics.owner === 0
          ? []
          : [
              { labels: { kind: 'key' }, value: metrics.heldKeys },
              { labels: { kind: 'topic' }, value: metrics.heldTopics },
            ],
    )
  }

  #labelled(
    name: string,
    help: string,
    labelNames: readonly string[],
    samples: (view: MetricsView) => readonly { labels?: Readonly<Record<string, string>>; value: number }[],
  ): void {
    const views = (): readonly MetricsView[] => this.#views
    new Gauge({
      name,
      help,
      labelNames: ['outbox', ...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const view of views())
          for (const { labels, value } of samples(view)) this.set({ outbox: view.name, ...labels }, value)
      },
    })
  }

  #histogram(name: string, help: string, field: keyof RelayHistograms, unit: number): void {
    const snapshots = (): readonly NamedSnapshot[] =>
      this.#views.flatMap(({ name: outbox, histograms: all }) =>
        all === undefined ? [] : [{ outbox, snapshot: all[field], unit }],
      )
    this.#registry.registerMetric(countedHistogram(name, help, snapshots))
  }
}

const states: readonly StationState[] = [
  ...(['connecting', 'failed', 'idle', 'starting', 'standby', 'owner'] as const),
  ...(['asleep', 'draining', 'stopping', 'stopped', 'halted'] as const),
]
