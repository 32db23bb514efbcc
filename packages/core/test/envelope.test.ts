import { Kafka, type CloudEvent } from 'cloudevents'
import { describe, expect, it } from 'vitest'
import {
  cloudEvents,
  customEnvelope,
  debezium,
  isOutboxError,
  type Envelope,
  type OutboxMessage,
  type StoredEvent,
} from '../src/index.js'

const event: StoredEvent = {
  position: 7,
  id: '019a0000-0000-7000-8000-000000000001',
  aggregateType: 'Order',
  aggregateId: 'k1',
  type: 'order.placed',
  // As in the parity tests with Debezium: blanks, big numbers, escapes and duplicate keys must survive.
  payload:
    '{"z": 1,  "a":{"y":2,"x":[1,2.50,1e3,12345678901234567890,0.1,-0]},"u":"é漢😀\\u00e9\\/","n":null,"dup":1,"dup":2}',
  headers: '{"tenant":"acme","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
  topic: null,
  createdAt: '2026-01-02T01:04:05.678901Z',
}

/** As a consumer gets it: everything as text, headers by name. */
const received = ({ key, value, headers }: OutboxMessage): Parameters<typeof Kafka.toEvent>[0] =>
  ({ key, value, headers: Object.fromEntries(headers), body: value }) as Parameters<typeof Kafka.toEvent>[0]

const oracle = (message: OutboxMessage): CloudEvent<unknown> =>
  Kafka.toEvent<unknown>(received(message)) as CloudEvent<unknown>

const caught = (envelope: Envelope, fields: Partial<StoredEvent>): unknown => {
  try {
    envelope.toMessage({ ...event, ...fields })
  } catch (error) {
    return error
  }
  return undefined
}

describe('cloudEvents, binary', () => {
  it('leaves the payload alone and writes the attributes as headers', () => {
    const message = cloudEvents({ source: '/shop' }).toMessage(event)
    expect(message).toEqual({
      key: 'k1',
      value: event.payload,
      headers: [
        ['ce_specversion', '1.0'],
        ['ce_id', event.id],
        ['ce_source', '/shop'],
        ['ce_type', 'order.placed'],
        ['ce_time', '2026-01-02T01:04:05.678901Z'],
        ['ce_subject', 'k1'],
        ['ce_partitionkey', 'k1'],
        ['ce_aggregatetype', 'Order'],
        ['ce_traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
        ['content-type', 'application/json'],
        ['tenant', 'acme'],
        ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      ],
    })
  })

  it('is a CloudEvent for the CloudEvents SDK', () => {
    const found = oracle(cloudEvents({ source: '/shop' }).toMessage(event))
    expect(found.validate()).toBe(true)
    expect(found).toMatchObject({
      id: event.id,
      source: '/shop',
      type: 'order.placed',
      subject: 'k1',
      partitionkey: 'k1',
      aggregatetype: 'Order',
      datacontenttype: 'application/json',
      data: JSON.parse(event.payload as string) as unknown,
    })
    expect(found.time).toBe('2026-01-02T01:04:05.678Z')
  })

  it('sends bytes as they are', () => {
    const payload = new Uint8Array([0, 255, 128])
    const message = cloudEvents().toMessage({ ...event, payload })
    expect(message.value).toBe(payload)
    expect(new Map(message.headers).get('content-type')).toBe('application/octet-stream')
  })

  it('has neither subject nor key without an aggregate id, and no content type without a payload', () => {
    const message = cloudEvents().toMessage({ ...event, aggregateId: null, payload: null, headers: null })
    expect(message.key).toBeNull()
    expect(message.value).toBeNull()
    expect(message.headers.map(([name]) => name)).toEqual([
      'ce_specversion',
      'ce_id',
      'ce_source',
      'ce_type',
      'ce_time',
      'ce_aggregatetype',
    ])
  })
})

describe('cloudEvents, structured', () => {
  const envelope = cloudEvents({ mode: 'structured', source: '/shop' })

  it('puts the payload into the document without touching a byte of it', () => {
    const message = envelope.toMessage(event)
    expect(message.value).toContain(`"data":${event.payload as string}}`)
    expect(message.headers).toEqual([
      ['content-type', 'application/cloudevents+json; charset=UTF-8'],
      ['tenant', 'acme'],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ])
  })

  it('is a CloudEvent for the CloudEvents SDK', () => {
    const found = oracle(envelope.toMessage(event))
    expect(found.validate()).toBe(true)
    expect(found).toMatchObject({
      id: event.id,
      source: '/shop',
      type: 'order.placed',
      subject: 'k1',
      aggregatetype: 'Order',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      datacontenttype: 'application/json',
      data: JSON.parse(event.payload as string) as unknown,
    })
  })

  it('sends bytes as base64 and no data for a null payload', () => {
    const bytes = oracle(envelope.toMessage({ ...event, payload: new Uint8Array([0, 255]) }))
    expect(bytes.data_base64).toBe('AP8=')
    const none = JSON.parse(envelope.toMessage({ ...event, payload: null }).value as string) as object
    expect(none).not.toHaveProperty('data')
    expect(none).not.toHaveProperty('datacontenttype')
  })

  it('refuses a payload that would break the document', () => {
    expect(isOutboxError(caught(envelope, { payload: '{"a":1},"id":"x"' }), 'OUTBOX_ROW_UNDECODABLE')).toBe(
      true,
    )
  })
})

describe('debezium', () => {
  // What Debezium 3.7 wrote for these rows, read back from a broker.
  it('sends the key, the payload and the id, and nothing else', () => {
    expect(debezium().toMessage(event)).toEqual({
      key: 'k1',
      value: event.payload,
      headers: [['id', event.id]],
    })
  })

  it.each([
    ['a null payload', { payload: null }, { value: null }],
    ['an empty payload', { payload: '' }, { value: '' }],
    ['the JSON literal null', { payload: 'null' }, { value: 'null' }],
    ['no aggregate id', { aggregateId: null }, { key: null }],
    ['an empty aggregate id', { aggregateId: '' }, { key: '' }],
    ['an aggregate id in UTF-8', { aggregateId: 'ключ 漢😀' }, { key: 'ключ 漢😀' }],
    ['an empty aggregate type', { aggregateType: '' }, {}],
  ])('keeps %s', (_, fields, expected) => {
    expect(debezium().toMessage({ ...event, ...fields })).toMatchObject(expected)
  })

  it('places additional columns after the id, in the order asked for, null as a header without a value', () => {
    const envelope = debezium({
      additional: [
        { column: 'type', header: 'eventType' },
        { column: 'created_at', header: 'at' },
        { column: 'position', header: 'position' },
        { column: 'topic', header: 'topic' },
        { column: 'headers', header: 'h' },
        { column: 'aggregatetype', header: 'aggregatetype' },
        { column: 'aggregateid', header: 'key' },
      ],
    })
    expect(envelope.toMessage(event).headers).toEqual([
      ['id', event.id],
      ['eventType', 'order.placed'],
      ['at', '2026-01-02T01:04:05.678901Z'],
      ['position', '7'],
      ['topic', null],
      ['h', event.headers],
      ['aggregatetype', 'Order'],
      ['key', 'k1'],
    ])
  })

  it('writes the time of MySQL as microseconds', () => {
    const envelope = debezium({ additional: [{ column: 'created_at', header: 'at' }], time: 'microseconds' })
    const message = envelope.toMessage({ ...event, createdAt: '2026-01-02T03:04:05.678901Z' })
    expect(message.headers[1]).toEqual(['at', '1767323045678901'])
  })
})

describe.each([
  ['cloudevents', cloudEvents()],
  ['cloudevents-structured', cloudEvents({ mode: 'structured' })],
  ['debezium', debezium()],
])('a row that cannot be decoded: %s', (_, envelope) => {
  it.each([
    ['headers that are not JSON', { headers: '{' }],
    ['headers that are a list', { headers: '[]' }],
    ['headers that are null as JSON', { headers: 'null' }],
    ['a header that is a number', { headers: '{"a":1}' }],
    ['a header without a name', { headers: '{"":"x"}' }],
    ['a header that claims to be the id', { headers: '{"ID":"x"}' }],
    ['a header of CloudEvents', { headers: '{"ce_id":"x"}' }],
    ['an id that is no UUID', { id: 'x' }],
    ['a time that is none', { createdAt: 'yesterday' }],
  ])('%s', (_name, fields) => {
    const error = caught(envelope, fields)
    expect(isOutboxError(error, 'OUTBOX_ROW_UNDECODABLE')).toBe(true)
    expect(error).toMatchObject({
      message: expect.stringContaining('position 7') as string,
      details: { position: 7 },
    })
  })
})

describe('headers of the event', () => {
  it('keeps __proto__ and constructor as plain headers', () => {
    const message = cloudEvents().toMessage({ ...event, headers: '{"__proto__":"a","constructor":"b"}' })
    expect(message.headers.slice(-2)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  it('lets the header of a replay pass', () => {
    const message = cloudEvents().toMessage({ ...event, headers: '{"outbox-replay":"1"}' })
    expect(message.headers.at(-1)).toEqual(['outbox-replay', '1'])
  })

  it('refuses empty CloudEvents attributes', () => {
    expect(isOutboxError(caught(cloudEvents(), { type: '' }), 'OUTBOX_ROW_UNDECODABLE')).toBe(true)
    expect(isOutboxError(caught(cloudEvents(), { aggregateType: '' }), 'OUTBOX_ROW_UNDECODABLE')).toBe(true)
  })
})

describe('customEnvelope', () => {
  it('passes on what the function returns', () => {
    const message = { key: null, value: new Uint8Array([1]), headers: [['a', null]] } satisfies OutboxMessage
    expect(customEnvelope(() => message).toMessage(event)).toBe(message)
  })

  it.each([
    ['nothing', undefined],
    ['a number as key', { key: 1, value: null, headers: [] }],
    ['an object as value', { key: null, value: {}, headers: [] }],
    ['an object as headers', { key: null, value: null, headers: {} }],
    ['a number as header', { key: null, value: null, headers: [['a', 1]] }],
  ])('refuses a function that returns %s', (_, message) => {
    const envelope = customEnvelope(() => message as unknown as OutboxMessage)
    expect(isOutboxError(caught(envelope, {}), 'OUTBOX_ROW_UNDECODABLE')).toBe(true)
  })

  it('says which row made the function throw', () => {
    const envelope = customEnvelope(() => {
      throw new TypeError('no total')
    })
    expect(caught(envelope, {})).toMatchObject({
      code: 'OUTBOX_ROW_UNDECODABLE',
      message: expect.stringMatching(/position 7.*no total/) as string,
    })
  })
})

describe('options', () => {
  it.each([
    ['an unknown key', () => cloudEvents({ sourc: '/x' } as never)],
    ['an empty source', () => cloudEvents({ source: '' })],
    ['an unknown mode', () => cloudEvents({ mode: 'batch' as never })],
    ['an unknown column', () => debezium({ additional: [{ column: 'nope' as never, header: 'x' }] })],
    ['a header that is the id', () => debezium({ additional: [{ column: 'type', header: 'id' }] })],
    ['an unknown time', () => debezium({ time: 'seconds' as never })],
  ])('refuses %s', (_, run) => {
    expect(run).toThrow(expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID' }) as Error)
  })
})
