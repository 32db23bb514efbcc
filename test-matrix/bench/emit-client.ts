/** An event as the bench emits it, and as somebody would write it by hand. */
export interface BenchEvent {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly type: string
  readonly payload: { readonly number: number; readonly text: string }
}

/** One business row, by the ORM's own call; then the events. All in one transaction. */
export interface EmitClient {
  /** `tx.emit()`, awaited. */
  emitted(order: number, events: readonly BenchEvent[]): Promise<void>
  /** `tx.emit()` that nobody awaits: it goes out before COMMIT. */
  unawaited(order: number, event: BenchEvent): Promise<void>
  /** The same INSERT as a statement through the same ORM, written by hand, without a wrapped handle. */
  byHand(order: number, events: readonly BenchEvent[]): Promise<void>
  end(): Promise<void>
}

export interface EmitTarget {
  readonly database: 'postgres' | 'mysql' | 'mariadb'
  readonly url: string
}

const columns = ['id', 'aggregatetype', 'aggregateid', 'type', 'payload', 'headers', 'topic'] as const

/** What somebody writes who knows what they are doing: one INSERT for all rows. `mark` names the n-th parameter. */
export function handWrittenInsert(
  rows: number,
  database: EmitTarget['database'],
  mark: (n: number) => string,
): string {
  const casts =
    database === 'postgres' ? ['::text::uuid', '', '', '', '::text::json', '::text::json', ''] : []
  const row = (index: number): string =>
    `(${columns.map((_, column) => mark(index * columns.length + column + 1) + (casts[column] ?? '')).join(', ')})`
  const values = Array.from({ length: rows }, (_, index) => row(index))
  return `insert into outbox (${columns.join(', ')}) values ${values.join(', ')}`
}

export function handWrittenValues(events: readonly BenchEvent[]): (string | null)[] {
  return events.flatMap((event) => [
    globalThis.crypto.randomUUID(),
    event.aggregateType,
    event.aggregateId,
    event.type,
    JSON.stringify(event.payload),
    null,
    null,
  ])
}
