import type { StoredEvent } from '@outboxkit/core'
import { describe, expect, it } from 'vitest'
import { moment } from '../src/dev/row.js'
import { DevPrinter, folded, oneLine, unfolded } from '../src/dev/print.js'
import { streamOutput } from '../src/output/streams.js'

const event: StoredEvent = {
  position: 7,
  id: '0198c0de-0000-7000-8000-000000000001',
  aggregateType: 'order',
  aggregateId: '42',
  type: 'order.placed',
  payload: '{"total":12}',
  headers: '{"tenant":"acme"}',
  topic: null,
  createdAt: '2026-01-31T12:00:00.123456Z',
}
const now = (): Date => new Date(2026, 0, 31, 12, 3, 4, 5)

function print(json: boolean, changed: Partial<StoredEvent> = {}, full = false): string {
  let text = ''
  const stdout = { columns: 100, write: (part: string) => void (text += part) }
  const output = streamOutput({ stdin: {}, stdout, stderr: { write: () => undefined } }, {}, json)
  new DevPrinter(output, { label: undefined, full, now }).event({ ...event, ...changed }, 'orders')
  return text
}

describe('a line', () => {
  it('has time, topic, key, type, payload and headers', () => {
    expect(print(false)).toBe('12:03:04.005  orders  42  order.placed  {"total":12}  tenant=acme\n')
  })

  it('has nothing that moves the cursor or changes a colour, whatever the event holds', () => {
    const evil = '\u001b[31mred\u001b[0m\u0007\r\n\u009b2J\u{f001f}!'
    const text = print(false, {
      aggregateId: evil,
      type: evil,
      payload: evil,
      headers: `{"a":"${'\\u001b[2J'}"}`,
    })
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u{f0000}-\u{f006b}]/u)
    expect(text).toContain('red')
  })

  it('folds a payload to the width, and says how large it is', () => {
    const text = print(false, { payload: JSON.stringify({ note: 'x'.repeat(500_000) }), headers: null })
    expect(text.length).toBeLessThanOrEqual(101)
    expect(text).toContain('… (500 kB)')
    expect(print(false, { payload: new Uint8Array(1_500), headers: null })).toContain('(1.5 kB)')
    expect(print(false, { payload: null })).toContain('(no payload)')
  })

  it('shows all of it when that is wanted', () => {
    expect(print(false, { headers: null }, true)).toBe(
      '12:03:04.005  orders  42  order.placed\n    {\n      "total": 12\n    }\n',
    )
    // numbers that JavaScript cannot hold stay as they are
    expect(unfolded('{"id":12345678901234567890}')).toEqual(['{"id":12345678901234567890}'])
  })

  it('does without a key, and with headers that are none', () => {
    expect(print(false, { aggregateId: null, headers: 'not json' })).toContain('(no key)  order.placed')
    expect(print(false, { headers: 'not json' })).toContain('not json')
  })
})

describe('as JSON', () => {
  it('the payload is what is stored', () => {
    const payload = '{"id": 12345678901234567890}'
    expect(JSON.parse(print(true, { payload }))).toEqual({
      kind: 'event',
      at: now().toISOString(),
      topic: 'orders',
      key: '42',
      type: 'order.placed',
      id: event.id,
      aggregateType: 'order',
      position: 7,
      createdAt: event.createdAt,
      headers: { tenant: 'acme' },
      payload,
      payloadEncoding: 'utf8',
    })
    expect(JSON.parse(print(true, { payload: Buffer.from('hi') }))).toMatchObject({
      payload: 'aGk=',
      payloadEncoding: 'base64',
    })
  })
})

it('text is cut between characters, never within one', () => {
  expect(folded(`"${'😀'.repeat(100)}"`, 40)).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/)
  expect(oneLine('a\n\tb  c')).toBe('a b c')
})

it('times of a row are UTC, to the microsecond, whatever the zone of the session', () => {
  expect(
    [
      '2026-01-31 12:00:00.123456+00',
      '2026-01-31 12:00:00.5',
      '2026-01-31 23:30:00.123456-03',
      '2026-01-31 12:00:00+05:30',
      'infinity',
    ].map(moment),
  ).toEqual([
    '2026-01-31T12:00:00.123456Z',
    '2026-01-31T12:00:00.5Z',
    '2026-02-01T02:30:00.123456Z',
    '2026-01-31T06:30:00Z',
    'infinity',
  ])
})
