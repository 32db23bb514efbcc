import { describe, expect, test } from 'vitest'
import { checkHistory, type CheckOptions } from '../check.js'
import { javaPartition } from '../expected.js'
import type { Attempt, History, Message } from '../history.js'
import { formatReport, type Counts } from '../report.js'
import { history, ledgerRow, logOf, wire } from './forge.js'

const rows = [
  ledgerRow(1, 'a', 1),
  ledgerRow(2, 'b', 1),
  ledgerRow(3, 'a', 2),
  ledgerRow(4, 'c', 1, { topic: 'orders.v2' }),
  ledgerRow(5, 'a', 3),
  ledgerRow(6, 'b', 2),
  ledgerRow(7, 'i', 1, { aggregateType: 'invoice' }),
]
const strange = '00000000-0000-4000-8000-999999999999'

const check = (forged: History, options: Partial<CheckOptions> = {}) =>
  checkHistory(forged, { wire, minEmitted: 1, ...options })

/** The counts that are not zero, without those of an ordinary run. */
function problems(forged: History, options: Partial<CheckOptions> = {}): Partial<Counts> {
  const { total } = check(forged, options)
  const ordinary = new Set(['emitted', 'received', 'rolledBack', 'duplicates'])
  return Object.fromEntries(Object.entries(total).filter(([name, count]) => count > 0 && !ordinary.has(name)))
}

function altered(index: number, change: (message: Message) => Partial<Message>): Message[] {
  return logOf(rows).map((message, at) => (at === index ? { ...message, ...change(message) } : message))
}

function withHeader(index: number, name: string, value: string | null): Message[] {
  return altered(index, ({ headers }) => ({
    headers: [
      ...headers.filter(([other]) => other !== name),
      [name, value === null ? null : Buffer.from(value)],
    ],
  }))
}

describe('clean histories pass', () => {
  test('everything once, in order', () => {
    const report = check(history(rows))
    expect(report.failures).toEqual([])
    expect(report.total).toMatchObject({ emitted: 7, received: 7, rolledBack: 0, duplicates: 0 })
    expect(report.byOrm['drizzle']).toMatchObject({ emitted: 3, received: 3 })
  })

  test('duplicates with equal bytes, also late ones', () => {
    const messages = logOf([...rows, rows[0]!, rows[2]!, rows[0]!])
    const report = check(history(rows, { messages }))
    expect(report.failures).toEqual([])
    expect(report.total.duplicates).toBe(3)
  })

  test('the messages of a dump in any sequence: offsets count', () => {
    expect(problems(history(rows, { messages: logOf(rows).reverse() }))).toEqual({})
  })

  test('rolled back transactions and savepoints, and unknown outcomes that the ledger settles', () => {
    const attempt = (outcome: Attempt['outcome'], events: string[], abandoned: string[] = []): Attempt => ({
      attempt: 'x',
      orm: 'knex',
      seed: 1,
      outcome,
      events,
      abandoned,
    })
    const attempts = [
      attempt('fail', [strange]),
      attempt('unknown', [strange.replace('9', '8')]),
      attempt('unknown', [rows[0]!.eventId]),
      attempt('ok', [rows[1]!.eventId], [strange.replace('9', '7')]),
    ]
    const report = check(history(rows, { attempts }))
    expect(report.failures).toEqual([])
    expect(report.total.rolledBack).toBe(3)
  })

  test('a ledger without the copying trigger', () => {
    const unwatched = rows.map((row) => ({ ...row, stored: null }))
    expect(problems(history(unwatched, { messages: logOf(rows) }))).toEqual({})
  })
})

describe('each anomaly is found', () => {
  test('lost, and removed from the table although it was never published', () => {
    const forged = history(rows, { messages: logOf(rows.filter((_, index) => index !== 2)) })
    expect(problems(forged)).toEqual({ lost: 1, falseMark: 1 })
    expect(check(forged).samples[0]).toMatchObject({ kind: 'lost', orm: 'prisma', eventId: rows[2]!.eventId })
    expect(formatReport(check(forged))).toContain('a #2, position 3: not on the topic')
  })

  test.each(['outbox', 'held'] as const)('still in the %s table', (where) => {
    const left = [{ eventId: rows[2]!.eventId, where }]
    expect(
      problems(history(rows, { messages: logOf(rows.filter((_, index) => index !== 2)), left })),
    ).toEqual({
      lost: 1,
      stuck: 1,
    })
  })

  test('published, but its row never left', () => {
    expect(problems(history(rows, { left: [{ eventId: rows[0]!.eventId, where: 'outbox' }] }))).toEqual({
      stuck: 1,
    })
    expect(problems(history(rows, { left: [{ eventId: strange, where: 'outbox' }] }))).toEqual({ stuck: 1 })
  })

  test('phantoms: rolled back, invented, or without an id', () => {
    const rolledBack = ledgerRow(99, 'a', 4)
    const attempts: Attempt[] = [
      { attempt: 'x', orm: 'knex', seed: 1, outcome: 'fail', events: [rolledBack.eventId], abandoned: [] },
    ]
    const forged = history(rows, { messages: logOf([...rows, rolledBack]), attempts })
    expect(problems(forged)).toEqual({ phantom: 1 })
    expect(check(forged).byOrm['knex']!.phantom).toBe(1)
    expect(problems(history(rows, { messages: logOf([...rows, ledgerRow(98, 'a', 4)]) }))).toEqual({
      phantom: 1,
    })
    const anonymous = altered(0, ({ headers }) => ({ headers: headers.filter(([name]) => name !== 'ce_id') }))
    expect(problems(history(rows, { messages: anonymous }))).toEqual({ phantom: 1, lost: 1, falseMark: 1 })
  })

  test('first occurrences out of order', () => {
    const [a1, b1, a2, ...rest] = rows
    expect(problems(history(rows, { messages: logOf([a2!, b1!, a1!, ...rest]) }))).toEqual({ misordered: 1 })
  })

  test('out of order, although the duplicates come in order', () => {
    const [a1, b1, a2, ...rest] = rows
    expect(problems(history(rows, { messages: logOf([a2!, b1!, a1!, a2!, ...rest]) }))).toEqual({
      misordered: 1,
    })
  })

  test.each<[string, Message[]]>([
    ['key', altered(0, () => ({ key: Buffer.from('b') }))],
    ['null key', altered(0, () => ({ key: null }))],
    ['value', altered(0, () => ({ value: Buffer.from('{"n": 1}') }))],
    ['null value', altered(0, () => ({ value: null }))],
    ['invalid UTF-8', altered(0, ({ value }) => ({ value: Buffer.concat([value!, Buffer.from([0xff])]) }))],
    ['own header', withHeader(1, 'tenant', 'acne')],
    ['null header', withHeader(1, 'tenant', null)],
    ['extra header', withHeader(0, 'tenant', 'acme')],
    ['time', withHeader(0, 'ce_time', '2026-01-01T00:00:00.000002Z')],
    ['missing header', altered(0, ({ headers }) => ({ headers: headers.slice(0, -1) }))],
    ['header twice', altered(0, ({ headers }) => ({ headers: [...headers, headers[0]!] }))],
    ['partition', altered(0, ({ partition }) => ({ partition: (partition + 1) % 3, offset: 70 }))],
    ['topic', altered(0, () => ({ topic: 'orders.v2', partition: 0, offset: 70 }))],
  ])('corrupt: %s', (_, messages) => {
    expect(problems(history(rows, { messages }))).toMatchObject({ corrupt: 1 })
  })

  test('a duplicate with other bytes', () => {
    const messages = logOf([...rows, rows[0]!])
    const copy = messages.at(-1)!
    messages[messages.length - 1] = { ...copy, headers: [...copy.headers].reverse() }
    expect(problems(history(rows, { messages }))).toEqual({ corrupt: 1 })
  })

  test('an event that no outbox row was written for', () => {
    const ledger = rows.map((row, index) => (index === 4 ? { ...row, stored: null } : row))
    const messages = logOf(rows.filter((_, index) => index !== 4))
    expect(problems(history(ledger, { messages }))).toEqual({ lost: 1, neverStored: 1 })
  })

  test.each<[string, Partial<Attempt>]>([
    ['told ok, not committed', { outcome: 'ok', events: [strange] }],
    ['told fail, committed', { outcome: 'fail', events: [rows[0]!.eventId] }],
    ['a rolled back savepoint committed', { outcome: 'ok', abandoned: [rows[0]!.eventId] }],
    ['committed in part', { outcome: 'unknown', events: [rows[0]!.eventId, strange] }],
  ])('wrong outcome: %s', (_, part) => {
    const attempt = {
      attempt: 'x',
      orm: 'knex',
      seed: 1,
      outcome: 'ok',
      events: [],
      abandoned: [],
      ...part,
    } as const
    expect(problems(history(rows, { attempts: [attempt] }))).toEqual({ wrongOutcome: 1 })
  })
})

describe('a run that proves nothing fails', () => {
  test('too few committed', () => {
    expect(check(history(rows), { minEmitted: 8 }).failures).toEqual(['only 7 events committed, 8 needed'])
  })

  test('a planned fault that never fired, or none at all', () => {
    const fault = { fault: 'kill', seed: 1, fired: false }
    expect(check(history(rows, { faults: [fault] })).failures).toEqual([
      'planned faults that never fired: kill',
    ])
    expect(check(history(rows), { requireFaults: true }).failures).toEqual(['no fault fired'])
    expect(
      check(history(rows, { faults: [{ ...fault, fired: true }] }), { requireFaults: true }).failures,
    ).toEqual([])
  })

  test('more duplicates than the budget', () => {
    const messages = logOf([...rows, rows[0]!, rows[1]!])
    expect(check(history(rows, { messages }), { maxDuplicates: 1 }).failures).toEqual([
      '2 duplicates, more than 1',
    ])
  })
})

// Values of Kafka's own UtilsTest.testMurmur2 and of the Java producer.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
])('murmur2 of %s', (key, hash) => {
  expect(javaPartition(key, 1_000_003)).toBe((hash & 0x7fffffff) % 1_000_003)
})
