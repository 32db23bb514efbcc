import { describe, expect, it } from 'vitest'
import { inlineStatement } from '@outboxkit/core'
import type { RelayError } from '@outboxkit/relay'
import { toRange } from '../../src/operations/archive.js'
import { eventData, printEvent } from '../../src/operations/dead-view.js'
import type { DeadEventInFull } from '../../src/operations/dead.js'
import { formatDuration, parseDuration } from '../../src/operations/duration.js'
import { parseBound } from '../../src/operations/moment.js'
import { cursorText, parseCursor } from '../../src/operations/replay-run.js'
import { printStatus } from '../../src/operations/status-view.js'
import { allOf, joined, raw, run, sql } from '../../src/operations/statement.js'
import { streamOutput } from '../../src/output/streams.js'

describe('status', () => {
  const none = { rows: 0, atLeast: false }
  const state = {
    backlog: { ...none, oldestAgeSeconds: null },
    held: { key: none, topic: none, time: none, oldestAgeSeconds: null },
    lease: {
      owner: 'me',
      epoch: 1,
      expired: false,
      expiresInSeconds: 9,
      renewals: 1,
      schemaVersion: 1,
      lastError: undefined as RelayError | undefined,
    },
    lastError: undefined,
    databaseTime: new Date(0),
  }
  const shown = (more: object) => {
    let text = ''
    const stream = { write: (part: string) => (text += part) }
    const output = streamOutput({ stdin: {}, stdout: stream, stderr: stream } as never, {}, false)
    printStatus(output, { outbox: 'default', database: 'd', table: 't', state: { ...state, ...more } })
    return text
  }

  it('of an empty outbox', () => {
    expect(shown({})).toMatch(/backlog +empty\n/)
    expect(shown({})).toContain('renewed 1 time\n')
  })

  it('counts events, not keys, and says that what is held is not published', () => {
    const held = { key: { rows: 4, atLeast: false }, topic: { rows: 1, atLeast: false }, time: none }
    const lastError = { scopeKind: 'key', scope: 'a', code: 'C', reason: 'r', attempts: 1, ageSeconds: 1 }
    const text = shown({ held: { ...held, oldestAgeSeconds: 1 }, lastError })
    expect(text).toMatch(/backlog +empty, except what is held\n/)
    expect(text).toContain('4 events by key, 1 event by topic, the oldest')
    expect(text).toMatch(/held for +C 1\.0s ago \(key a, 1 attempt\): r\n/)
  })

  it('says what last went wrong in the relay, and points to it while events wait', () => {
    expect(shown({})).toMatch(/last error +none of a relay\n$/)
    const lastError = { code: 'OUTBOX_PUBLISH_RETRY', message: 'no\nbroker', ageSeconds: 3 }
    const lease = { ...state.lease, lastError }
    expect(shown({ lease })).toMatch(/last error +OUTBOX_PUBLISH_RETRY 3\.0s ago: no.*broker\n$/)
    const backlog = { rows: 1, atLeast: false, oldestAgeSeconds: 31 }
    expect(shown({ lease, backlog })).toContain('the last error may be why')
    const old = { ...lease, lastError: { ...lastError, ageSeconds: 121 } }
    expect(shown({ lease: old, backlog })).toContain('its log and /metrics say')
  })
})

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s', (text, ms) => expect(parseDuration('--x', text)).toBe(ms))

  it.each(['', '5', 's', '-5s', '5 s', '1e3s', '5w', '5m3s'])('%j is none', (text) =>
    expect(() => parseDuration('--x', text)).toThrow('--x must be a duration'),
  )

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_500, '1.5s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('bounds of a range', () => {
  it.each([
    ['4711', { kind: 'position', position: 4711 }],
    ['2h', { kind: 'ago', ms: 7_200_000 }],
    ['2026-01-31', { kind: 'moment', moment: '2026-01-31T00:00:00.000000Z' }],
    ['2026-01-31T10:00Z', { kind: 'moment', moment: '2026-01-31T10:00:00.000000Z' }],
    ['2026-01-31 10:00:05.25+02:00', { kind: 'moment', moment: '2026-01-31T08:00:05.250000Z' }],
    ['2026-01-31T10:00:00.123456z', { kind: 'moment', moment: '2026-01-31T10:00:00.123456Z' }],
  ])('%s', (text, bound) => expect(parseBound('--from', text)).toEqual(bound))

  it.each([
    '',
    'now',
    '2026-02-30',
    '2026-13-01',
    '2026-01-31T25:00Z',
    '31.01.2026',
    '-5',
    '12345678901234567890',
  ])('%j is none', (text) => expect(() => parseBound('--from', text)).toThrow('--from must be'))

  it('a time without a zone is not guessed', () =>
    expect(() => parseBound('--to', '2026-01-31T10:00:00')).toThrow('no time zone'))

  it('end with now, whatever was asked for', () => {
    const now = '2026-01-31T10:00:00.000000Z'
    expect(toRange(parseBound('', '1h'), undefined, now)).toMatchObject({
      from: '2026-01-31T09:00:00.000000Z',
      to: now,
    })
    expect(toRange(undefined, parseBound('', '2027-01-01'), now)).toMatchObject({ from: undefined, to: now })
    expect(toRange(parseBound('', '3'), parseBound('', '7'), now)).toMatchObject({
      to: now,
      fromPosition: 3,
      toPosition: 7,
    })
  })

  it('a cursor is read back as it was written', () => {
    const cursor = { publishedAt: '2026-01-31T10:00:00.123456Z', position: 42 }
    expect(parseCursor(cursorText(cursor))).toEqual(cursor)
    for (const text of ['', '42', '2026-01-31T10:00:00Z/42', '2026-01-31T10:00:00.123456Z/x', "';--"])
      expect(() => parseCursor(text)).toThrow('--after must be')
  })
})

describe('statements', () => {
  it('pieces keep their values in order', () => {
    const inner = sql`b = ${2}`
    const all = sql`select ${raw('x')} where ${allOf([sql`a = ${'1'}`, undefined, inner])} limit ${raw('5')}`
    expect(all).toEqual({ strings: ['select x where a = ', ' and b = ', ' limit 5'], values: ['1', '2'] })
    expect(joined([sql`${null}`, sql`${'c'}`], ', ')).toEqual({
      strings: ['', ', ', ''],
      values: [null, 'c'],
    })
    expect(allOf([])).toEqual({ strings: ['1 = 1'], values: [] })
  })

  it.each([
    ['postgres', 'a = $1 and b = $2', ['x', 'y']],
    ['mysql', 'a = ? and b = ?', ['x', 'y']],
  ] as const)('%s', async (dialect, text, values) => {
    const calls: unknown[] = []
    const query = async (...call: unknown[]) => (calls.push(call), [])
    await run({ dialect, query }, sql`a = ${'x'} and b = ${'y'}`)
    expect(calls).toEqual([[text, values]])
  })

  it('a question mark in a name is no placeholder', async () => {
    const calls: unknown[] = []
    const statement = sql`select ${raw('`what?`')} where a = ${"o'x"}`
    await run({ dialect: 'mysql', query: async (...call) => (calls.push(call), []) }, statement)
    expect(calls).toEqual([[inlineStatement(statement)]])
  })
})

describe('an event that is shown', () => {
  const event: DeadEventInFull = {
    position: 7,
    id: '00000000-0000-4000-8000-000000000007',
    aggregateType: 'order',
    aggregateId: '42\u001b[31m',
    type: 'order.placed',
    topic: null,
    createdAt: '2026-01-31T10:00:00.000000Z',
    kind: 'key',
    scope: '5:order:42',
    code: 'OUTBOX_PUBLISH_REJECTED',
    reason: 'first\nsecond',
    attempts: 3,
    heldAt: '2026-01-31T10:00:01.000000Z',
    request: null,
    payload: '{"a":"\u001b]0;title\u0007\u009b2J"}',
    headers: null,
  }

  const shown = (more: Partial<DeadEventInFull>, full = false): { text: string; notes: string } => {
    const [out, err]: [string[], string[]] = [[], []]
    const streams = {
      stdin: {},
      stdout: { write: (t: string) => out.push(t) },
      stderr: { write: (t: string) => err.push(t) },
    }
    printEvent(streamOutput(streams, {}, false), { ...event, ...more }, full)
    return { text: out.join(''), notes: err.join('') }
  }

  it('cannot move the cursor, change colours or pretend to be another line', () => {
    const { text } = shown({})
    // oxlint-disable-next-line no-control-regex -- none of them may be left
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(text).toContain(String.raw`42\u001b[31m`)
    expect(text).toContain(String.raw`first\u000asecond`)
    expect(text).toContain('{"a":"]0;title2J"}')
  })

  it('is cut off unless all of it is wanted', () => {
    const payload = JSON.stringify('x'.repeat(5_000))
    expect(shown({ payload }).text.length).toBeLessThan(4_700)
    expect(shown({ payload }).notes).toContain('--full')
    expect(shown({ payload }, true).text).toContain(payload)
  })

  it('shows bytes in hexadecimal, and as base64 in JSON', () => {
    const payload = new Uint8Array(Array.from({ length: 20 }, (_, i) => i + 60))
    const { text } = shown({ payload })
    expect(text).toContain('00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK')
    expect(text).toContain('00000010  4c 4d 4e 4f')
    expect(eventData({ ...event, payload })).toMatchObject({
      payload: Buffer.from(payload).toString('base64'),
      payloadEncoding: 'base64',
    })
    expect(eventData(event)).toMatchObject({ payload: event.payload, payloadEncoding: 'utf8' })
    expect(shown({ payload: null }).text).toContain('payload   null')
  })
})
