import { CloudEvent, Kafka } from 'cloudevents'
import { describe, expect, it } from 'vitest'
import {
  cloudEvents,
  debezium,
  defineEvents,
  isOutboxError,
  parseMessage,
  typed,
  type OutboxMessage,
  type ReceivedMessage,
  type StoredEvent,
} from '../src/index.js'

const event: StoredEvent = {
  position: 7,
  id: '019a0000-0000-7000-8000-000000000001',
  aggregateType: 'order',
  aggregateId: 'k1',
  type: 'order.placed',
  payload: '{"total":12,"__proto__":{"polluted":true}}',
  headers: '{"tenant":"acme","__proto__":"literal"}',
  topic: null,
  createdAt: '2026-01-02T01:04:05.678901Z',
}

const bytes = (value: string | Uint8Array | null): Buffer | null =>
  value === null ? null : Buffer.from(value)

/** kafkajs' shape: Buffers, and headers in an object. */
function asKafkajs({ key, value, headers }: OutboxMessage): ReceivedMessage {
  const entries = headers.map(([name, text]) => [name, bytes(text)] as const)
  return { key: bytes(key), value: bytes(value), headers: Object.fromEntries(entries) }
}

/** Other clients: Buffers in a Map. */
function asMap({ key, value, headers }: OutboxMessage): ReceivedMessage {
  const entries = headers.map(([name, text]) => [Buffer.from(name), bytes(text)] as const)
  return { key: bytes(key), value: bytes(value), headers: new Map(entries) }
}

const code = (message: unknown, options = {}): unknown => {
  try {
    parseMessage(message as ReceivedMessage, options)
  } catch (error) {
    return isOutboxError(error) ? error.code : error
  }
  return undefined
}

describe.each([
  ['binary', cloudEvents({ source: '/shop' })],
  ['structured', cloudEvents({ source: '/shop', mode: 'structured' })],
])('parseMessage, CloudEvents %s', (_, envelope) => {
  it.each([
    ['an object', asKafkajs],
    ['a Map', asMap],
  ])('gives back what was stored, headers in %s', (_name, shape) => {
    const parsed = parseMessage(shape(envelope.toMessage(event)))
    expect(parsed).toMatchObject({
      id: event.id,
      type: 'order.placed',
      aggregateType: 'order',
      aggregateId: 'k1',
      time: event.createdAt,
      source: '/shop',
    })
    expect(parsed.payload).toHaveProperty('total', 12)
    expect(Object.entries(parsed.headers)).toEqual([
      ['tenant', 'acme'],
      ['__proto__', 'literal'],
    ])
  })

  it('pollutes nothing', () => {
    const { payload } = parseMessage(asKafkajs(envelope.toMessage(event)))
    expect(Object.hasOwn(payload as object, '__proto__')).toBe(true)
    expect((payload as { polluted?: unknown }).polluted).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('gives back bytes, and null for a null payload', () => {
    const payload = new Uint8Array([0, 255])
    expect(parseMessage(asKafkajs(envelope.toMessage({ ...event, payload }))).payload).toEqual(payload)
    expect(parseMessage(asKafkajs(envelope.toMessage({ ...event, payload: null }))).payload).toBeNull()
  })

  it('has no aggregate id for an event without one', () => {
    expect(
      parseMessage(asKafkajs(envelope.toMessage({ ...event, aggregateId: null }))).aggregateId,
    ).toBeNull()
  })
})

describe('parseMessage, messages of others', () => {
  const foreign = new CloudEvent({
    id: 'x-1',
    source: '/elsewhere',
    type: 'user.created',
    data: { name: 'é' },
    partitionkey: 'u1',
  })

  it('reads what the CloudEvents SDK writes, binary', () => {
    const { key, headers, value } = Kafka.binary(foreign)
    const parsed = parseMessage({
      key: Buffer.from(key as string),
      value: Buffer.from(JSON.stringify(value)),
      headers: headers as Record<string, string>,
    })
    expect(parsed).toMatchObject({
      id: 'x-1',
      type: 'user.created',
      source: '/elsewhere',
      aggregateId: 'u1',
      payload: { name: 'é' },
    })
  })

  it('reads what the CloudEvents SDK writes, structured', () => {
    const { key, headers, value } = Kafka.structured(foreign)
    const parsed = parseMessage({
      key: key as string,
      value: value as string,
      headers: headers as Record<string, string>,
    })
    expect(parsed).toMatchObject({
      id: 'x-1',
      type: 'user.created',
      aggregateId: 'u1',
      payload: { name: 'é' },
    })
  })
})

describe('parseMessage, Debezium', () => {
  const full = debezium({
    additional: [
      { column: 'type', header: 'type' },
      { column: 'aggregatetype', header: 'aggregatetype' },
      { column: 'created_at', header: 'created_at' },
      { column: 'topic', header: 'topic' },
    ],
  })

  it('reads the additional headers by the names of their columns', () => {
    const parsed = parseMessage(asKafkajs(full.toMessage(event)))
    expect(parsed).toMatchObject({
      id: event.id,
      type: 'order.placed',
      aggregateType: 'order',
      aggregateId: 'k1',
      time: event.createdAt,
      source: null,
    })
    expect(parsed.headers).toEqual({})
  })

  it('reads them by other names, and eventType by itself', () => {
    const envelope = debezium({
      additional: [
        { column: 'aggregatetype', header: 'kind' },
        { column: 'type', header: 'eventType' },
      ],
    })
    const message = asKafkajs(envelope.toMessage(event))
    expect(parseMessage(message, { debezium: { aggregateType: 'kind' } })).toMatchObject({
      aggregateType: 'order',
      type: 'order.placed',
    })
  })

  it('reads the own headers in the column of that name, under any name', () => {
    const placed = (header: string): ReceivedMessage =>
      asKafkajs(debezium({ additional: [{ column: 'headers', header }] }).toMessage(event))
    const own = [
      ['tenant', 'acme'],
      ['__proto__', 'literal'],
    ]
    expect(Object.entries(parseMessage(placed('headers')).headers)).toEqual(own)
    const named = parseMessage(placed('own'), { debezium: { headers: 'own' } })
    expect(Object.entries(named.headers)).toEqual(own)
    for (const other of ['not JSON', '[]', '{"a":1}', 'null'])
      expect(parseMessage({ ...placed('x'), headers: { id: 'a', headers: other } }).headers).toEqual({
        headers: other,
      })
    expect(code(placed('headers'), { debezium: { header: 'x' } })).toBe('OUTBOX_OPTION_INVALID')
  })

  it('says null for what a bare message does not carry, and leaves out the headers of the connector', () => {
    const message = asKafkajs(debezium().toMessage(event))
    const headers = { ...(message.headers as object), '__debezium.context.taskId': Buffer.from('0') }
    expect(parseMessage({ ...message, headers })).toMatchObject({
      type: null,
      aggregateType: null,
      time: null,
      headers: {},
    })
  })

  it('reads a tombstone and bytes', () => {
    expect(parseMessage(asKafkajs(full.toMessage({ ...event, payload: null }))).payload).toBeNull()
    const payload = new Uint8Array([0, 255])
    const parsed = parseMessage(asKafkajs(full.toMessage({ ...event, payload })), {
      debezium: { payload: 'bytes' },
    })
    expect(parsed.payload).toEqual(payload)
  })
})

describe('parseMessage with a catalogue', () => {
  const events = defineEvents({
    'order.placed': { aggregateType: 'order', payload: typed<{ total: number }>() },
  })

  it('types the event', () => {
    const parsed = parseMessage(asKafkajs(cloudEvents().toMessage(event)), { events })
    const total: number = parsed.payload.total
    const type: 'order.placed' = parsed.type
    expect([type, total]).toEqual(['order.placed', 12])
  })

  it('takes any parser', () => {
    const parser = { parsePayload: (type: string) => `parsed ${type}` }
    expect(parseMessage(asKafkajs(cloudEvents().toMessage(event)), { events: parser }).payload).toBe(
      'parsed order.placed',
    )
  })

  it('refuses types that it does not have, and messages without a type', () => {
    expect(code(asKafkajs(cloudEvents().toMessage({ ...event, type: 'constructor' })), { events })).toBe(
      'OUTBOX_TYPE_UNKNOWN',
    )
    expect(code(asKafkajs(debezium().toMessage(event)), { events })).toBe('OUTBOX_MESSAGE_UNPARSABLE')
  })
})

describe('messages that are no outbox events', () => {
  const structured = (value: string | null): ReceivedMessage => ({
    key: null,
    value,
    headers: { 'content-type': 'application/cloudevents+json' },
  })

  it.each([
    ['undefined', undefined],
    ['a text', 'x'],
    ['no headers', { value: Buffer.from('{}') }],
    ['foreign headers', { value: '{}', headers: { a: 'b' } }],
    ['an empty id', { value: '{}', headers: { id: '' } }],
    ['headers that are arrays of nothing', { value: '{}', headers: { id: [] } }],
    ['a payload that is not JSON', { value: '{', headers: { id: 'x' } }],
    ['CloudEvents 0.3', { value: '{}', headers: { ce_specversion: '0.3', ce_id: 'x' } }],
    ['a missing type', { value: '{}', headers: { ce_specversion: '1.0', ce_id: 'x', ce_source: '/' } }],
    ['a structured message without a value', structured(null)],
    ['a structured message that is a list', structured('[]')],
    ['an attribute that is a number', structured('{"specversion":"1.0","id":1,"source":"/","type":"t"}')],
    [
      'attributes only in the prototype',
      structured('{"__proto__":{"specversion":"1.0","id":"1","source":"/","type":"t"}}'),
    ],
    ['a key of another kind', { key: 5, value: '{}', headers: { id: 'x' } }],
  ])('%s', (_, message) => {
    expect(code(message)).toBe('OUTBOX_MESSAGE_UNPARSABLE')
  })

  it('takes the first value of a header that comes twice', () => {
    const headers = { id: [Buffer.from('first'), Buffer.from('second')] }
    expect(parseMessage({ key: null, value: '1', headers })).toMatchObject({ id: 'first', payload: 1 })
  })
})

describe('an event that is sent again', () => {
  const again = { ...event, headers: '{"tenant":"acme","outbox-replay":"2026-02-01T00:00:00.000Z"}' }

  it.each([
    ['cloudEvents', cloudEvents()],
    ['cloudEvents, structured', cloudEvents({ mode: 'structured' })],
    ['debezium', debezium()],
    ['debezium with the headers', debezium({ additional: [{ column: 'headers', header: 'headers' }] })],
  ])('says so: %s', (_, envelope) => {
    const { headers } = parseMessage(asKafkajs(envelope.toMessage(again)))
    expect(headers['outbox-replay']).toBe('2026-02-01T00:00:00.000Z')
  })

  it('leaves the other headers of a Debezium message alone', () => {
    expect(debezium().toMessage(again).headers).toEqual([
      ['id', event.id],
      ['outbox-replay', '2026-02-01T00:00:00.000Z'],
    ])
  })
})
