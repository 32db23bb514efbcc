import { qualifiedName, resolveTable, type Dialect, type TableOptions } from '@outboxkit/core'

/** Runs one statement without parameters, on the connection whose view of the table is of interest. */
export type RunQuery = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

export interface EmittedEventsOptions {
  /** Default `postgres`. */
  readonly dialect?: Dialect
  readonly table?: TableOptions
}

/** An event that is in the outbox table, as it was emitted. */
export interface EmittedEvent {
  readonly id: string
  readonly aggregateType: string
  readonly aggregateId: string | null
  readonly type: string
  /** Parsed; bytes when the table stores bytes. */
  readonly payload: unknown
  readonly headers: Readonly<Record<string, string>>
  readonly topic: string | null
}

/**
 * The events in the outbox table, in the order of their inserts: what the application has emitted and no relay
 * has published yet. Rejects as `query` does.
 *
 *     const events = await emittedEvents(async (sql) => (await pool.query(sql)).rows)
 *     expect(events).toContainEqual(expect.objectContaining({ type: 'order.placed' }))
 */
export async function emittedEvents(
  query: RunQuery,
  options: EmittedEventsOptions = {},
): Promise<EmittedEvent[]> {
  const dialect = options.dialect ?? 'postgres'
  const table = resolveTable(options.table)
  // Drivers parse JSON columns, some of them; as text it is the same for all.
  const text = (column: string): string =>
    `cast(${column} as ${dialect === 'postgres' ? 'text' : 'char'}) as ${column}`
  const payload = table.payload === 'json' ? text('payload') : 'payload'
  const rows = await query(
    `select ${text('id')}, aggregatetype, aggregateid, type, ${payload}, ${text('headers')}, topic ` +
      `from ${qualifiedName(table, dialect)} order by position`,
  )
  return rows.map((row) => ({
    id: String(row['id']),
    aggregateType: String(row['aggregatetype']),
    aggregateId: textOrNull(row['aggregateid']),
    type: String(row['type']),
    payload: typeof row['payload'] === 'string' ? JSON.parse(row['payload']) : (row['payload'] ?? null),
    headers: typeof row['headers'] === 'string' ? JSON.parse(row['headers']) : {},
    topic: textOrNull(row['topic']),
  }))
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
