import { OutboxError } from '../errors.js'
import type { StoredEvent } from '../event.js'
import { rejectUnknownKeys } from '../known-keys.js'
import { checkEvent, ownHeaders, undecodable, type Envelope, type OutboxMessage } from './envelope.js'

export interface CloudEventsOptions {
  /** The `source` attribute: a URI reference that names the producer. Default `/outboxkit`. */
  readonly source?: string
  /**
   * `binary` (default): the payload is the message's value, untouched, and the attributes are `ce_` headers.
   * `structured`: the value is one JSON document with everything.
   */
  readonly mode?: 'binary' | 'structured'
}

/** The attributes of CloudEvents' extension for distributed tracing, which are named like the headers of W3C. */
export const tracingAttributes: readonly string[] = ['traceparent', 'tracestate']
const structuredType = 'application/cloudevents+json; charset=UTF-8'

/**
 * CloudEvents 1.0 in its Kafka binding. Key: the aggregate id. The extension attribute `aggregatetype` and the
 * registered extensions `partitionkey`, `traceparent` and `tracestate` travel along; the event's own headers
 * follow as Kafka headers.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an unknown option, an unknown mode or an empty source.
 */
export function cloudEvents(options: CloudEventsOptions = {}): Envelope {
  rejectUnknownKeys(options, ['source', 'mode'], 'cloudEvents()')
  const { source = '/outboxkit', mode = 'binary' } = options
  if (typeof source !== 'string' || !/^[\x21-\x7e]+$/.test(source))
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      'cloudEvents(): source must be a URI reference, e.g. /shop.',
    )
  if (mode !== 'binary' && mode !== 'structured')
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `cloudEvents(): mode must be 'binary' or 'structured', got ${JSON.stringify(mode)}.`,
    )
  return mode === 'binary'
    ? { name: 'cloudevents', toMessage: (event) => binary(event, source) }
    : { name: 'cloudevents-structured', toMessage: (event) => structured(event, source) }
}

function attributesOf(
  event: StoredEvent,
  source: string,
  own: readonly (readonly [string, string])[],
): (readonly [string, string])[] {
  // CloudEvents forbids empty attributes.
  if (event.aggregateType === '') undecodable(event, 'aggregatetype', 'has an empty aggregate type')
  if (event.type === '') undecodable(event, 'type', 'has an empty type')
  const attributes: (readonly [string, string])[] = [
    ['specversion', '1.0'],
    ['id', event.id],
    ['source', source],
    ['type', event.type],
    ['time', event.createdAt],
  ]
  if (event.aggregateId !== null && event.aggregateId !== '')
    attributes.push(['subject', event.aggregateId], ['partitionkey', event.aggregateId])
  attributes.push(['aggregatetype', event.aggregateType])
  for (const [name, value] of own)
    if (tracingAttributes.includes(name.toLowerCase()) && value !== '')
      attributes.push([name.toLowerCase(), value])
  return attributes
}

/** JSON text is stored as JSON; whatever is stored as bytes is anybody's. */
function contentTypeOf(event: StoredEvent): string | null {
  if (event.payload === null) return null
  return typeof event.payload === 'string' ? 'application/json' : 'application/octet-stream'
}

function binary(event: StoredEvent, source: string): OutboxMessage {
  checkEvent(event)
  const own = ownHeaders(event)
  const headers: (readonly [string, string])[] = []
  for (const [name, value] of attributesOf(event, source, own)) headers.push([`ce_${name}`, value])
  const contentType = contentTypeOf(event)
  if (contentType !== null) headers.push(['content-type', contentType])
  headers.push(...own)
  return { key: event.aggregateId, value: event.payload, headers }
}

function structured(event: StoredEvent, source: string): OutboxMessage {
  checkEvent(event)
  const own = ownHeaders(event)
  const members = attributesOf(event, source, own).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  )
  const contentType = contentTypeOf(event)
  if (contentType !== null) members.push(`"datacontenttype":${JSON.stringify(contentType)}`)
  if (typeof event.payload === 'string') members.push(`"data":${checkedJson(event, event.payload)}`)
  else if (event.payload !== null)
    members.push(`"data_base64":${JSON.stringify(Buffer.from(event.payload).toString('base64'))}`)
  return {
    key: event.aggregateId,
    value: `{${members.join(',')}}`,
    headers: [['content-type', structuredType], ...own],
  }
}

/** The text itself, once it is sure that pasting it into a document gives a document. */
function checkedJson(event: StoredEvent, text: string): string {
  try {
    JSON.parse(text)
  } catch (error) {
    return undecodable(event, 'payload', 'has a payload that is not JSON', error)
  }
  return text
}
