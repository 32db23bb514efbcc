import type { Catalogue, PayloadOutput } from '../catalogue.js'
import { OutboxError } from '../errors.js'
import { rejectUnknownKeys } from '../known-keys.js'
import { asEmitted, ownHeaders, stringsOf, type Headers } from './parse-headers.js'

type Bytes = Uint8Array | string | null

type HeaderValue = Uint8Array | string | null | undefined | readonly (Uint8Array | string | null)[]

/** A received message: kafkajs' own shape, or headers in a Map as other clients have them. */
export interface ReceivedMessage {
  readonly key?: Bytes | undefined
  readonly value?: Bytes | undefined
  readonly headers?:
    | Readonly<Record<string, HeaderValue>>
    | ReadonlyMap<Uint8Array | string, HeaderValue>
    | undefined
}

/** Checks and converts the payload of one event type. A catalogue made by `defineEvents` is one. */
export interface EventParser {
  parsePayload(type: string, payload: unknown): unknown
}

/** An event as a consumer gets it. */
export interface ParsedEvent<Type extends string | null = string | null, Payload = unknown> {
  /** The event's id: what an inbox remembers. */
  readonly id: string
  /** `null` only for a Debezium message that does not carry it. */
  readonly type: Type
  /** `null` when the message does not carry it. */
  readonly aggregateType: string | null
  readonly aggregateId: string | null
  /** Parsed JSON; a `Uint8Array` when the payload is bytes; `null` for a tombstone. */
  readonly payload: Payload
  /**
   * The event's own headers, with the trace context of the code that has emitted it (`traceparent` …), whatever
   * an instrumented Kafka client has written over it on the way: see `withEventContext`.
   */
  readonly headers: Readonly<Record<string, string>>
  /** When the event was stored: RFC 3339, UTC. `null` when the message does not carry it. */
  readonly time: string | null
  /** CloudEvents' `source`. `null` for Debezium. */
  readonly source: string | null
}

/** What {@link parseMessage} returns for the catalogue `C`. */
export type ParsedEventOf<C> =
  C extends Catalogue<infer D>
    ? { [Type in keyof D & string]: ParsedEvent<Type, PayloadOutput<D[Type]>> }[keyof D & string]
    : ParsedEvent

export interface ParseOptions<C extends EventParser = EventParser> {
  /** Runs the schema of the event's type and types the result. */
  readonly events?: C | undefined
  /** For Debezium messages only: the headers in which `additional.placement` puts these columns. */
  readonly debezium?:
    | {
        /** Default `type`, then `eventType`. */
        readonly type?: string | undefined
        /** Default `aggregatetype`. */
        readonly aggregateType?: string | undefined
        /** Default `created_at`. */
        readonly time?: string | undefined
        /** The event's own headers as JSON text, trace context included. Default `headers`. */
        readonly headers?: string | undefined
        /** What the value is. Default `json`. */
        readonly payload?: 'json' | 'bytes' | undefined
      }
    | undefined
}

const debeziumKeys = ['type', 'aggregateType', 'time', 'headers', 'payload'] as const

type Unchecked = ParsedEvent<string | null, unknown>

/**
 * Makes an event of a message that an Outboxkit relay or Debezium's outbox event router has written. The
 * envelope is recognised by the headers.
 *
 * Throws `OUTBOX_MESSAGE_UNPARSABLE` for any other message, and what `events` throws: `OUTBOX_TYPE_UNKNOWN`,
 * `OUTBOX_SCHEMA_MISMATCH`.
 */
export function parseMessage<C extends EventParser = EventParser>(
  message: ReceivedMessage,
  options: ParseOptions<C> = {},
): ParsedEventOf<C> {
  rejectUnknownKeys(options, ['events', 'debezium'], 'parseMessage()')
  rejectUnknownKeys(options.debezium ?? {}, debeziumKeys, 'parseMessage({ debezium })')
  const event = parse(message, options)
  if (options.events === undefined) return event as ParsedEventOf<C>
  if (event.type === null)
    unparsable(
      `the event ${event.id} carries no type, so no schema can be chosen. Let Debezium write it: table.fields.additional.placement=type:header:type`,
    )
  return { ...event, payload: options.events.parsePayload(event.type, event.payload) } as ParsedEventOf<C>
}

function parse(message: ReceivedMessage, options: ParseOptions): Unchecked {
  if (typeof message !== 'object' || message === null) unparsable('it is no object')
  const headers = headersOf(message.headers)
  const contentType = headers.get('content-type') ?? ''
  if (/^application\/cloudevents\+json\b/i.test(contentType)) return parseStructured(message, headers)
  if (headers.has('ce_specversion')) return parseBinary(message, headers)
  if (headers.has('id')) return parseDebezium(message, headers, options.debezium ?? {})
  return unparsable(
    'it has neither CloudEvents headers (ce_*), nor the content type application/cloudevents+json, nor the id header of Debezium',
  )
}

function parseBinary(message: ReceivedMessage, headers: Headers): Unchecked {
  const attribute = (name: string): string | null => headers.get(`ce_${name}`) ?? null
  const contentType = headers.get('content-type')
  const value = message.value ?? null
  return {
    ...attributes(attribute),
    aggregateId: attribute('subject') ?? textOf(message.key),
    payload: value === null ? null : isJson(contentType) ? json(textOf(value)) : bytesOf(value),
    headers: asEmitted(
      ownHeaders(headers, (name) => name.startsWith('ce_') || name === 'content-type'),
      attribute,
    ),
  }
}

function parseStructured(message: ReceivedMessage, headers: Headers): Unchecked {
  const document = json(textOf(message.value))
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    unparsable('its CloudEvents document is no JSON object')
  const member = (name: string): unknown =>
    Object.hasOwn(document, name) ? (document as Record<string, unknown>)[name] : undefined
  const attribute = (name: string): string | null => {
    const value = member(name)
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : unparsable(`its attribute ${name} is no string`)
  }
  const base64 = attribute('data_base64')
  return {
    ...attributes(attribute),
    aggregateId: attribute('subject') ?? textOf(message.key),
    payload: base64 === null ? (member('data') ?? null) : new Uint8Array(Buffer.from(base64, 'base64')),
    headers: asEmitted(
      ownHeaders(headers, (name) => name === 'content-type'),
      (name) => {
        const value = member(name)
        return typeof value === 'string' ? value : null
      },
    ),
  }
}

function attributes(
  attribute: (name: string) => string | null,
): Pick<ParsedEvent<string>, 'id' | 'type' | 'aggregateType' | 'time' | 'source'> {
  const version = attribute('specversion')
  if (version !== '1.0') unparsable(`its CloudEvents version is ${JSON.stringify(version)}, not 1.0`)
  const required = (name: string): string => {
    const value = attribute(name)
    return value === null || value === '' ? unparsable(`its attribute ${name} is missing`) : value
  }
  return {
    id: required('id'),
    type: required('type'),
    source: required('source'),
    aggregateType: attribute('aggregatetype'),
    time: attribute('time'),
  }
}

function parseDebezium(
  message: ReceivedMessage,
  headers: Headers,
  options: NonNullable<ParseOptions['debezium']>,
): Unchecked {
  const id = headers.get('id') ?? ''
  if (id === '') unparsable('its id header is empty')
  const named = {
    type: options.type ?? (headers.has('type') ? 'type' : 'eventType'),
    aggregateType: options.aggregateType ?? 'aggregatetype',
    time: options.time ?? 'created_at',
  }
  const own = stringsOf(headers.get(options.headers ?? 'headers'))
  const value = message.value ?? null
  const known = ['id', ...Object.values(named), ...(own === undefined ? [] : [options.headers ?? 'headers'])]
  return {
    id,
    type: headers.get(named.type) ?? null,
    aggregateType: headers.get(named.aggregateType) ?? null,
    aggregateId: textOf(message.key),
    payload: value === null ? null : options.payload === 'bytes' ? bytesOf(value) : json(textOf(value)),
    headers: {
      ...ownHeaders(headers, (name) => known.includes(name) || name.startsWith('__debezium.')),
      ...own,
    },
    time: headers.get(named.time) ?? null,
    source: null,
  }
}

/** A header that comes more than once counts with its first value, one without a value not at all. */
function headersOf(headers: ReceivedMessage['headers']): Headers {
  const result = new Map<string, string>()
  if (headers === undefined || headers === null) return result
  const entries: Iterable<readonly [Uint8Array | string, HeaderValue]> =
    headers instanceof Map
      ? (headers as ReadonlyMap<Uint8Array | string, HeaderValue>)
      : Object.entries(headers as Readonly<Record<string, HeaderValue>>)
  for (const [rawName, value] of entries) {
    const name = textOf(rawName) ?? ''
    const first = Array.isArray(value) ? (value as readonly Bytes[])[0] : (value as Bytes | undefined)
    if (first !== undefined && first !== null && !result.has(name)) result.set(name, textOf(first) ?? '')
  }
  return result
}

function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^[^;]*[/+]json\s*(?:;|$)/i.test(contentType)
}

function textOf(value: Bytes | undefined): string | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  if (!(value instanceof Uint8Array))
    return unparsable('its key, value or a header is neither text nor bytes')
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : new Uint8Array(value)
}

/** JSON.parse defines `__proto__` as a property of its own: nothing is polluted. */
function json(text: string | null): unknown {
  if (text === null) return unparsable('it has no value')
  try {
    return JSON.parse(text)
  } catch (error) {
    return unparsable('its value is not JSON', error)
  }
}

function unparsable(problem: string, cause?: unknown): never {
  throw new OutboxError(
    'OUTBOX_MESSAGE_UNPARSABLE',
    `The message is no outbox event: ${problem}.`,
    cause === undefined ? {} : { cause },
  )
}
