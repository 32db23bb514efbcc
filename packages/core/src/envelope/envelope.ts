import { OutboxError, isOutboxError } from '../errors.js'
import type { StoredEvent } from '../event.js'
import { normalizeUuid } from '../uuid.js'

/** A message as it goes to a topic; which topic and partition is not an envelope's business. */
export interface OutboxMessage {
  /** `null`: no key, so no order. */
  readonly key: string | null
  /** Text is sent as UTF-8. `null` is a tombstone. */
  readonly value: string | Uint8Array | null
  /** Sent in this order. A `null` value is a header without a value. */
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

/** Makes messages of stored events. */
export interface Envelope {
  /** For logs. */
  readonly name: string
  /** Throws `OUTBOX_ROW_UNDECODABLE` for an event that it can make no message of. */
  toMessage(event: StoredEvent): OutboxMessage
}

/** An envelope written by an application. Whatever it throws rejects the event. */
export type EnvelopeFunction = (event: StoredEvent) => OutboxMessage

/** `id` is Debezium's, `ce_*` and `content-type` belong to CloudEvents; `emit` refuses these as well. */
const reservedName = /^(?:id|content-type|ce_.*)$/i
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** Makes an {@link Envelope} of a function and checks what it returns. */
export function customEnvelope(toMessage: EnvelopeFunction): Envelope {
  return {
    name: 'custom',
    toMessage(event) {
      let message: OutboxMessage
      try {
        message = toMessage(event)
      } catch (error) {
        if (isOutboxError(error)) throw error
        return undecodable(event, 'envelope', `made the envelope function throw: ${textOf(error)}`, error)
      }
      const problem = problemOf(message)
      if (problem !== undefined)
        undecodable(event, 'envelope', `made the envelope function return ${problem}`)
      return message
    },
  }
}

function problemOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return 'no object'
  const { key, value, headers } = message as Partial<Record<keyof OutboxMessage, unknown>>
  if (key !== null && typeof key !== 'string') return 'a key that is neither a string nor null'
  if (value !== null && typeof value !== 'string' && !(value instanceof Uint8Array))
    return 'a value that is neither a string nor a Uint8Array nor null'
  if (!Array.isArray(headers)) return 'headers that are no array of [name, value]'
  const legal = headers.every(
    (header: unknown) =>
      Array.isArray(header) &&
      header.length === 2 &&
      typeof header[0] === 'string' &&
      (header[1] === null || typeof header[1] === 'string'),
  )
  return legal ? undefined : 'a header that is no [name, value] of strings'
}

/**
 * The event's own headers, in the order in which they were stored.
 * Throws `OUTBOX_ROW_UNDECODABLE` when the column holds anything but a JSON object of strings.
 */
export function ownHeaders(event: StoredEvent): readonly (readonly [string, string])[] {
  if (event.headers === null) return []
  let parsed: unknown
  try {
    parsed = JSON.parse(event.headers)
  } catch (error) {
    return undecodable(event, 'headers', 'has headers that are not JSON', error)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return undecodable(event, 'headers', 'has headers that are no JSON object')
  return Object.entries(parsed).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'string')
      return undecodable(event, 'headers', `has the header ${JSON.stringify(name)}, which is not a string`)
    if (name === '' || reservedName.test(name))
      return undecodable(event, 'headers', `uses the reserved header name ${JSON.stringify(name)}`)
    return [name, value] as const
  })
}

/** Checks what every envelope relies on. Throws `OUTBOX_ROW_UNDECODABLE`. */
export function checkEvent(event: StoredEvent): void {
  if (normalizeUuid(event.id) === undefined) undecodable(event, 'id', 'has an id that is no UUID')
  if (!timestamp.test(event.createdAt))
    undecodable(event, 'created_at', 'has a time of creation that is no RFC 3339 time in UTC')
}

/** Throws `OUTBOX_ROW_UNDECODABLE`, saying which row and column. */
export function undecodable(event: StoredEvent, column: string, problem: string, cause?: unknown): never {
  throw new OutboxError(
    'OUTBOX_ROW_UNDECODABLE',
    `The outbox row at position ${event.position} (id ${JSON.stringify(event.id.slice(0, 64))}) ${problem}.`,
    {
      details: { position: event.position, id: event.id, column },
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
