import { checkPayload, definitionOf, type Catalogue } from './catalogue.js'
import { OutboxError } from './errors.js'
import { currentTraceHeaders } from './event-context.js'
import type { AggregateId, OutboxEvent } from './event.js'
import { headersText } from './headers.js'
import { describe, invalid } from './invalid.js'
import { isStorableText, toJsonText, type BigIntPolicy } from './json.js'
import { rejectUnknownKeys } from './known-keys.js'
import { columnLimits, type PayloadType } from './table.js'
import { normalizeUuid, uuidv7 } from './uuid.js'

/** An event that has been checked and frozen: exactly the text that goes into the row. */
export interface PreparedEvent {
  readonly id: string
  readonly aggregateType: string
  readonly aggregateId: string | null
  readonly type: string
  /** JSON text, or the bytes in hexadecimal. */
  readonly payload: string
  readonly headers: string | null
  readonly topic: string | null
}

export interface PrepareOptions {
  readonly payload: PayloadType
  readonly events: Catalogue | undefined
  /** Bytes. */
  readonly maxPayloadBytes: number
  readonly bigint: BigIntPolicy
  /** The headers carry the trace context. */
  readonly tracing: boolean
}

const eventFields = ['aggregateType', 'aggregateId', 'type', 'payload', 'headers', 'topic', 'id'] as const
const defaultTopicPrefix = 'outbox.event.'
const topicShape = /^[a-zA-Z0-9._-]{1,249}$/

/** Checks events and freezes their values, in order. Throws an {@link OutboxError} that names the event. */
export function prepareEvents(events: readonly OutboxEvent[], options: PrepareOptions): PreparedEvent[] {
  const trace = options.tracing ? currentTraceHeaders() : []
  const prepared = events.map((event, index) =>
    prepareEvent(event, events.length === 1 ? 'event' : `events[${index}]`, options, trace),
  )
  const seen = new Set<string>()
  for (const { id } of prepared) {
    if (seen.has(id))
      throw new OutboxError('OUTBOX_DUPLICATE_ID', `The event id ${id} is used twice in one emit() call.`, {
        details: { id },
      })
    seen.add(id)
  }
  return prepared
}

function prepareEvent(
  event: OutboxEvent,
  name: string,
  options: PrepareOptions,
  trace: ReturnType<typeof currentTraceHeaders>,
): PreparedEvent {
  if (typeof event !== 'object' || event === null)
    invalid(name, `must be an object with type, aggregateType, aggregateId and payload, got ${typeof event}`)
  // A misspelt aggregateId would be an event without a key, and so without order.
  rejectUnknownKeys(event, eventFields, name, 'OUTBOX_EVENT_INVALID')
  const type = text(event.type, `${name}.type`, columnLimits.type)
  const aggregateType = text(
    resolveAggregateType(event, type, options),
    `${name}.aggregateType`,
    columnLimits.aggregateType,
  )
  const topic = event.topic === undefined ? null : checkTopic(event.topic, `${name}.topic`)
  if (topic === null && !topicShape.test(defaultTopicPrefix + aggregateType))
    invalid(
      `${name}.aggregateType`,
      `${JSON.stringify(aggregateType)} would make an illegal topic name: use letters, digits, '.', '_' and '-' (at most ${249 - defaultTopicPrefix.length}), or give the event a topic of its own`,
    )
  return {
    id: checkId(event.id, `${name}.id`),
    aggregateType,
    aggregateId: checkAggregateId(event.aggregateId, `${name}.aggregateId`),
    type,
    payload: checkSize(encodePayload(event.payload, options), type, options),
    headers: headersText(event.headers, trace, `${name}.headers`),
    topic,
  }
}

function resolveAggregateType(event: OutboxEvent, type: string, options: PrepareOptions): unknown {
  if (options.events === undefined) return event.aggregateType
  const definition = definitionOf(options.events.definitions, type)
  if (event.aggregateType !== undefined && event.aggregateType !== definition.aggregateType)
    throw new OutboxError(
      'OUTBOX_EVENT_INVALID',
      `The catalogue says that '${type}' belongs to the aggregate type '${definition.aggregateType}', the event says ${JSON.stringify(event.aggregateType)}.`,
    )
  checkPayload(definition, type, event.payload)
  return definition.aggregateType
}

/** Non-empty text that every database can store in a column of `limit` characters. */
function text(value: unknown, name: string, limit: number): string {
  if (typeof value !== 'string' || value === '')
    invalid(name, `must be a non-empty string, got ${describe(value)}`)
  if (!isStorableText(value))
    invalid(name, 'contains a NUL character or a lone surrogate, which databases cannot store')
  if (value.length > limit && Array.from(value).length > limit)
    invalid(name, `is longer than ${limit} characters`)
  return value
}

function checkAggregateId(value: AggregateId | undefined, name: string): string | null {
  if (value === null) return null
  // A value that was not there, as after an INSERT that returns nothing, would be an event without order.
  if (value === undefined)
    invalid(name, 'is undefined: give the id of what the event is about, or null for an event without order')
  if (typeof value === 'bigint') return text(String(value), name, columnLimits.aggregateId)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      invalid(name, `must be a safe integer when it is a number, got ${value}: pass it as a string or bigint`)
    return Object.is(value, -0) ? '0' : String(value)
  }
  return text(value, name, columnLimits.aggregateId)
}

function checkTopic(value: unknown, name: string): string {
  if (typeof value !== 'string' || !topicShape.test(value) || value === '.' || value === '..')
    invalid(
      name,
      `${describe(value)} is no legal Kafka topic: 1 to 249 letters, digits, '.', '_' and '-', and not '.' or '..'`,
    )
  return value
}

function checkId(value: unknown, name: string): string {
  if (value === undefined) return uuidv7()
  const id = typeof value === 'string' ? normalizeUuid(value) : undefined
  if (id === undefined) invalid(name, `must be a UUID, got ${describe(value)}`)
  return id
}

function encodePayload(payload: unknown, options: PrepareOptions): string {
  if (options.payload === 'json') return toJsonText(payload, options.bigint)
  if (!(payload instanceof Uint8Array))
    throw new OutboxError(
      'OUTBOX_PAYLOAD_INVALID',
      `payload must be a Uint8Array, because the table stores bytes; got ${describe(payload)}.`,
    )
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('hex')
}

function checkSize(payload: string, type: string, options: PrepareOptions): string {
  const bytes = options.payload === 'json' ? Buffer.byteLength(payload) : payload.length / 2
  if (bytes > options.maxPayloadBytes)
    throw new OutboxError(
      'OUTBOX_PAYLOAD_TOO_LARGE',
      `The payload of '${type}' has ${bytes} bytes, more than maxPayloadBytes (${options.maxPayloadBytes}). Store it elsewhere and emit a reference, or raise maxPayloadBytes and the topic's max.message.bytes together.`,
      { details: { type, bytes, maxPayloadBytes: options.maxPayloadBytes } },
    )
  return payload
}
