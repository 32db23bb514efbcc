import { Outbox, type OutboxEvent, type OutboxOptions } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'

const event = (rest: object = {}): OutboxEvent => ({
  aggregateType: 'order',
  aggregateId: 1,
  type: 'order.placed',
  payload: { total: 12 },
  ...rest,
})
const prepare = (change: object, options: OutboxOptions = {}) =>
  new Outbox(options).prepare([event(change)])[0]

test('takes an event as it is', () => {
  expect(
    prepare({ id: '0190A8C0-1111-7222-8333-444444444444', headers: { b: '1', a: '2' }, topic: 'x' }),
  ).toEqual({
    id: '0190a8c0-1111-7222-8333-444444444444',
    aggregateType: 'order',
    aggregateId: '1',
    type: 'order.placed',
    payload: '{"total":12}',
    headers: '{"b":"1","a":"2"}',
    topic: 'x',
  })
})

test('fills in the defaults', () => {
  const prepared = prepare({ headers: {}, aggregateId: null })
  expect(prepared).toMatchObject({ headers: null, topic: null, aggregateId: null })
  expect(prepared?.id).toMatch(/^[0-9a-f-]{36}$/)
})

describe('refuses, naming the place:', () => {
  test('an aggregate id that is a bigint of too many digits', () => {
    expect(prepare({ aggregateId: 10n ** 254n })?.aggregateId).toHaveLength(255)
    expect(() => prepare({ aggregateId: 10n ** 255n })).toThrow(
      'event.aggregateId is longer than 255 characters',
    )
  })

  test.each([
    [{ aggregateId: undefined }, 'event.aggregateId is undefined: give the id of what the event is about'],
    [{ type: 1 }, 'event.type must be a non-empty string, got 1'],
    [{ type: null }, 'event.type must be a non-empty string, got null'],
    [{ type: [] }, 'event.type must be a non-empty string, got an array'],
    [{ type: '' }, 'event.type must be a non-empty string, got ""'],
    [{ type: 'x'.repeat(256) }, 'event.type is longer than 255 characters'],
    [{ aggregateType: '' }, 'event.aggregateType must be'],
    [{ aggregateType: 'order item' }, 'event.aggregateType "order item" would make an illegal topic name'],
    [{ aggregateType: 'x'.repeat(237) }, 'at most 236'],
    [{ aggregateId: '' }, 'event.aggregateId must be a non-empty string'],
    [
      { aggregateId: 2 ** 53 },
      'event.aggregateId must be a safe integer when it is a number, got 9007199254740992',
    ],
    [{ aggregateId: Infinity }, 'event.aggregateId must be a safe integer'],
    [{ aggregateId: Symbol('s') }, 'event.aggregateId must be a non-empty string, got symbol'],
    [{ aggregateId: '𝄞'.repeat(256) }, 'event.aggregateId is longer than 255 characters'],
    [{ id: 'x'.repeat(100) }, `event.id must be a UUID, got "${'x'.repeat(60)}…"`],
    [{ id: null }, 'event.id must be a UUID, got null'],
    [{ topic: null }, 'event.topic null is no legal Kafka topic'],
    [{ topic: '..' }, 'event.topic ".." is no legal Kafka topic'],
    [{ headers: 'a' }, 'event.headers must be a plain object of strings, got "a"'],
    [{ headers: new Headers({ a: 'b' }) }, 'event.headers must be a plain object'],
    [{ headers: { a: undefined } }, 'event.headers.a must be a string, got undefined'],
    [{ headers: { '': 'x' } }, 'event.headers has an empty name'],
    [{ headers: { 'a\u0085': 'x' } }, 'event.headers has an empty name or one with control characters'],
    [{ headers: { 'Content-Type': 'x' } }, 'event.headers uses the reserved name "Content-Type"'],
    [{ headers: { a: '\r' } }, 'event.headers.a contains CR'],
  ])('%j', (change, message) => {
    expect(() => prepare(change)).toThrow(
      expect.objectContaining({ code: 'OUTBOX_EVENT_INVALID', message: expect.stringContaining(message) }),
    )
  })

  test('the event among several', () => {
    const several = [event(), event({ topic: '' })]
    expect(() => new Outbox().prepare(several)).toThrow('events[1].topic')
  })

  test('what is no event', () => {
    for (const wrong of [undefined, null, 'order.placed', 1])
      expect(() => new Outbox().prepare([wrong as never])).toThrow('event must be an object with type')
  })
})

test('lets through what is just long enough', () => {
  expect(prepare({ type: '𝄞'.repeat(255) })?.type).toHaveLength(510)
  expect(prepare({ aggregateType: 'x'.repeat(236) })).toBeDefined()
  expect(prepare({ aggregateType: 'ä ?', topic: 'x'.repeat(249) })?.aggregateType).toBe('ä ?')
})

test('headers that only look reserved', () => {
  const headers = { ce: '1', identity: '2', outbox: '3', 'x-ce_id': '4' }
  expect(JSON.parse(prepare({ headers })?.headers ?? '')).toEqual(headers)
})

describe('sizes', () => {
  test('count bytes of UTF-8, and name both', () => {
    const payload = '€'.repeat(10)
    expect(prepare({ payload }, { maxPayloadBytes: 32 })).toBeDefined()
    expect(() => prepare({ payload }, { maxPayloadBytes: 31 })).toThrow(
      expect.objectContaining({
        code: 'OUTBOX_PAYLOAD_TOO_LARGE',
        details: { type: 'order.placed', bytes: 32, maxPayloadBytes: 31 },
      }),
    )
  })

  test('stay below what Kafka takes by default', () => {
    expect(prepare({ payload: 'x'.repeat(899_998) })).toBeDefined()
    expect(() => prepare({ payload: 'x'.repeat(899_999) })).toThrow('900001 bytes')
  })
})

describe('a table of bytes', () => {
  const options = { table: { payload: 'bytes' } } as const
  test('takes bytes only, as hexadecimal', () => {
    expect(prepare({ payload: Uint8Array.of(0, 255) }, options)?.payload).toBe('00ff')
    expect(prepare({ payload: Buffer.from('abc').subarray(1) }, options)?.payload).toBe('6263')
    for (const payload of ['text', { a: 1 }, [1], null])
      expect(() => prepare({ payload }, options)).toThrow('payload must be a Uint8Array')
  })
})

describe('options', () => {
  test.each([
    [{ maxPayloadBytes: 0 }, 'maxPayloadBytes'],
    [{ maxPayloadBytes: 1.5 }, 'maxPayloadBytes'],
    [{ maxPayloadBytes: '1' }, 'maxPayloadBytes'],
    [{ bigint: 'number' }, 'bigint'],
    [{ events: {} }, 'defineEvents'],
    [{ table: { name: '' } }, 'table.name'],
    [{ table: { name: 'a\0' } }, 'table.name'],
    [{ table: { name: 'ä'.repeat(23) } }, '45 bytes'],
    [{ table: { schema: '' } }, 'table.schema'],
    [{ table: { payload: 'text' } }, 'table.payload'],
    [{ tables: {} }, "Did you mean 'table'?"],
    [{ table: { nmae: 'x' } }, "Did you mean 'name'?"],
  ])('%j', (options, message) => {
    expect(() => new Outbox(options as never)).toThrow(
      expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(message) }),
    )
  })
})
