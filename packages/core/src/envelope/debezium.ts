import { OutboxError } from '../errors.js'
import type { StoredEvent } from '../event.js'
import { rejectUnknownKeys } from '../known-keys.js'
import { checkEvent, ownHeaders, type Envelope } from './envelope.js'

/** Columns that {@link DebeziumOptions.additional} can place in a header. */
export type DebeziumColumn =
  | 'position'
  | 'aggregatetype'
  | 'aggregateid'
  | 'type'
  | 'headers'
  | 'topic'
  | 'created_at'

export interface DebeziumOptions {
  /** What `table.fields.additional.placement=column:header:name` asks Debezium for; sent in this order. */
  readonly additional?: readonly { readonly column: DebeziumColumn; readonly header: string }[]
  /**
   * How `created_at` is written. `iso` (default): as Debezium writes PostgreSQL's `timestamptz`. `microseconds`
   * since 1970: as it writes MySQL's `DATETIME(6)`.
   */
  readonly time?: 'iso' | 'microseconds'
}

type Read = (event: StoredEvent, time: 'iso' | 'microseconds') => string | null

const columns: Readonly<Record<DebeziumColumn, Read>> = {
  position: (event) => String(event.position),
  aggregatetype: (event) => event.aggregateType,
  aggregateid: (event) => event.aggregateId,
  type: (event) => event.type,
  headers: (event) => event.headers,
  topic: (event) => event.topic,
  created_at: (event, time) => (time === 'iso' ? event.createdAt : microsecondsOf(event.createdAt)),
}

/**
 * Byte for byte what Debezium's outbox event router writes with String converters and
 * `extended.headers.enabled=false`: key and payload as stored, a null payload as a null value, the header `id`.
 * The event's own headers are not sent, because Debezium does not send them; `outbox-replay` is, which marks what
 * `outboxkit replay` sends again.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an unknown option or column.
 */
export function debezium(options: DebeziumOptions = {}): Envelope {
  rejectUnknownKeys(options, ['additional', 'time'], 'debezium()')
  const { additional = [], time = 'iso' } = options
  if (time !== 'iso' && time !== 'microseconds')
    throw new OutboxError('OUTBOX_OPTION_INVALID', `debezium(): time must be 'iso' or 'microseconds'.`)
  const placed = additional.map(({ column, header }) => {
    if (!Object.hasOwn(columns, column))
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `debezium(): ${JSON.stringify(column)} is no column. There are: ${Object.keys(columns).join(', ')}.`,
      )
    if (typeof header !== 'string' || header === '' || header === 'id')
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `debezium(): the header for the column '${column}' must be a name other than 'id'.`,
      )
    return [header, columns[column]] as const
  })
  return {
    name: 'debezium',
    toMessage(event) {
      checkEvent(event)
      // The application's are not sent, but a row that cannot be decoded is rejected whatever the envelope is. What
      // begins with outbox- is ours: no application can emit it, and it says that an event is sent again.
      const ours = ownHeaders(event).filter(([name]) => /^outbox-/i.test(name))
      return {
        key: event.aggregateId,
        value: event.payload,
        headers: [
          ['id', event.id],
          ...placed.map(([header, read]) => [header, read(event, time)] as const),
          ...ours,
        ],
      }
    },
  }
}

/** Microseconds since 1970; a bigint, because 2^53 of them end in 2255. */
function microsecondsOf(time: string): string {
  const [seconds = '', fraction = ''] = time.slice(0, -1).split('.')
  const micros = fraction.slice(0, 6).padEnd(6, '0')
  return String(BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(micros))
}
