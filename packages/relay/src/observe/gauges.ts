import type { OutboxState } from './state.js'

/** One value; `labels` besides the outbox's name. */
export interface GaugeSample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A gauge in Prometheus' terms, and what it shows of a state. */
export interface TableGauge {
  readonly name: string
  readonly help: string
  readonly samples: (state: OutboxState) => readonly GaugeSample[]
}

const kinds = ['key', 'topic', 'time'] as const

/** What the tables themselves show; the worker's /metrics and {@link prometheusText} have these names. */
export const tableGauges: readonly TableGauge[] = [
  {
    name: 'outboxkit_backlog_rows',
    help: 'Rows in the outbox table, which is what is not published yet; at least so many, see outboxkit_backlog_capped.',
    samples: ({ backlog }) => [{ value: backlog.rows }],
  },
  {
    name: 'outboxkit_backlog_capped',
    help: '1 when counting the backlog ended at its limit and there may be more rows.',
    samples: ({ backlog }) => [{ value: Number(backlog.atLeast) }],
  },
  {
    name: 'outboxkit_backlog_oldest_age_seconds',
    help: 'Age of the first row in the outbox table, by the clock of the database; 0 when it is empty.',
    samples: ({ backlog }) => [{ value: backlog.oldestAgeSeconds ?? 0 }],
  },
  {
    name: 'outboxkit_held_rows',
    help: 'Rows that wait out of line, by kind of scope; counting ends at the same limit as for the backlog.',
    samples: ({ held }) => kinds.map((kind) => ({ labels: { kind }, value: held[kind].rows })),
  },
  {
    name: 'outboxkit_held_oldest_age_seconds',
    help: 'Age of the first event that waits out of line; 0 when there is none.',
    samples: ({ held }) => [{ value: held.oldestAgeSeconds ?? 0 }],
  },
  {
    name: 'outboxkit_lease_held',
    help: '1 while some relay owns the outbox table and its time has not run out.',
    samples: ({ lease }) => [
      { value: Number(lease !== undefined && lease.owner !== null && !lease.expired) },
    ],
  },
  {
    name: 'outboxkit_lease_epoch',
    help: 'How many times the outbox table has been taken over.',
    samples: ({ lease }) => [{ value: lease?.epoch ?? 0 }],
  },
  {
    name: 'outboxkit_lease_renewals',
    help: 'Renewals of the lease by its owner, since it took over.',
    samples: ({ lease }) => [{ value: lease?.renewals ?? 0 }],
  },
]

/**
 * The text that Prometheus reads, for an application that has no worker: what {@link outboxMetrics} found, under the
 * names that the worker uses. `outbox`: the value of the label of that name; default `default`.
 */
export function prometheusText(state: OutboxState, outbox = 'default'): string {
  const lines = tableGauges.flatMap(({ name, help, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples(state).map(({ labels, value }) => `${name}${labelText({ outbox, ...labels })} ${value}`),
  ])
  return `${lines.join('\n')}\n`
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`,
  )
  return `{${pairs.join(',')}}`
}
