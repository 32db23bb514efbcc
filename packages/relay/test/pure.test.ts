import { RowBudget } from '../src/row-budget.js'
import { OutboxError, type StoredEvent } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'
import { backoffMs } from '../src/backoff.js'
import {
  decideEvents,
  decideHeldRow,
  decideStall,
  decideStarved,
  heldBehind,
  judgeCall,
  type Decision,
} from '../src/decide.js'
import { ownerName } from '../src/owner-name.js'
import type { PoisonPolicy } from '../src/options.js'
import type { Outcome } from '../src/publisher.js'
import { storable } from '../src/last-error.js'
import { standbyStep, validUntil, type StandbyStep, type Watch } from '../src/lease.js'
import type { LeaseState } from '../src/source.js'

const error = new OutboxError('OUTBOX_PUBLISH_RETRY', 'no')
const published: Outcome = { status: 'published' }
const retry: Outcome = { status: 'retry', error, topic: 't' }
const reject: Outcome = { status: 'reject', error, topic: 't' }

function event(position: number, aggregateId: string | null): StoredEvent {
  return {
    position,
    aggregateId,
    id: String(position),
    aggregateType: 'order',
    type: 'placed',
    payload: null,
    headers: null,
    topic: null,
    createdAt: '',
  }
}

describe('decideEvents', () => {
  const a = event(1, 'a')
  const a2 = event(2, 'a')
  const b = event(3, 'b')
  const keyless = event(4, null)
  const parkA: Decision = { action: 'park', scope: { kind: 'key', scope: '5:order:a' }, error }
  const table: [string, StoredEvent[], (Outcome | undefined)[], PoisonPolicy, Decision[]][] = [
    ['published', [a], [published], 'park-key', [{ action: 'done' }]],
    ['retry', [a], [retry], 'park-key', [{ action: 'retry', blamed: true }]],
    ['no answer', [a], [undefined], 'skip', [{ action: 'retry', blamed: true }]],
    ['reject parks', [a], [reject], 'park-key', [parkA]],
    ['reject skips', [a], [reject], 'skip', [{ action: 'skip', error }]],
    ['reject halts', [a], [reject], 'halt', [{ action: 'halt', error }]],
    [
      'behind a rejected one',
      [a, a2],
      [reject, retry],
      'park-key',
      [parkA, { action: 'retry', blamed: false }],
    ],
    [
      'beside a rejected one',
      [a, b],
      [reject, retry],
      'park-key',
      [parkA, { action: 'retry', blamed: true }],
    ],
    [
      'without a key, alone',
      [keyless],
      [reject],
      'park-key',
      [{ action: 'park', scope: { kind: 'key', scope: '#4' }, error }],
    ],
  ]
  test.each(table)('%s', (_, events, outcomes, policy, expected) => {
    expect(decideEvents(events, outcomes, policy)).toEqual(expected)
  })
})

describe('judgeCall', () => {
  const done: Decision = { action: 'done' }
  const failed: Decision = { action: 'retry', blamed: true }
  const behind: Decision = { action: 'retry', blamed: false }
  const skip: Decision = { action: 'skip', error }
  test.each([
    ['all published', [done, done], ['x', 'y'], { stall: [], global: false }],
    ['one topic of two fails', [done, failed], ['x', 'y'], { stall: ['y'], global: false }],
    ['everything fails', [failed, failed], ['x', 'y'], { stall: [], global: true }],
    ['part of the only topic fails', [done, failed], ['x', 'x'], { stall: ['x'], global: false }],
    ['only behind a rejected one', [skip, behind], ['x', 'x'], { stall: [], global: false }],
    ['without a topic', [done, failed], ['x', null], { stall: [], global: true }],
  ] as const)('%s', (_, decisions, topics, expected) => {
    expect(judgeCall(decisions, topics)).toEqual(expected)
  })
})

test.each([
  [{ failingForMs: 9, holdAfterMs: 10, starving: false }, 'probe'],
  [{ failingForMs: 10, holdAfterMs: 10, starving: false }, 'hold'],
  [{ failingForMs: 0, holdAfterMs: 10, starving: true }, 'hold'],
] as const)('decideStall %j: %s', (facts, expected) => {
  expect(decideStall(facts)).toBe(expected)
})

test.each([
  [{ failingForMs: 10, holdAfterMs: 10, full: true, named: true }, 'hold'],
  [{ failingForMs: 9, holdAfterMs: 10, full: true, named: true }, 'wait'],
  [{ failingForMs: 10, holdAfterMs: 10, full: false, named: true }, 'wait'],
  [{ failingForMs: 10, holdAfterMs: 10, full: true, named: false }, 'wait'],
] as const)('decideStarved %j: %s', (facts, expected) => {
  expect(decideStarved(facts)).toBe(expected)
})

test.each([
  [{ request: 'discard', code: 'X' }, true, 'discard'],
  [{ request: 'retry', code: 'X' }, false, 'publish'],
  [{ request: 'retry', code: 'X' }, true, 'stop'],
  [{ request: null, code: 'X' }, false, 'stop'],
  [{ request: null, code: heldBehind }, false, 'publish'],
  [{ request: null, code: heldBehind }, true, 'stop'],
] as const)('decideHeldRow %j, topic blocked %s: %s', (row, topicBlocked, expected) => {
  expect(decideHeldRow(row, topicBlocked)).toBe(expected)
})

test.each([
  [0, 0.5, 0],
  [1, 0, 50],
  [1, 0.999, 99.95],
  [2, 0, 100],
  [4, 0.5, 600],
  [8, 0.5, 750],
  [5_000, 0, 500],
])('backoffMs after %i failures, random %d: %d', (failures, random, expected) => {
  expect(backoffMs(failures, { minMs: 100, maxMs: 1_000 }, () => random)).toBeCloseTo(expected)
})

describe('standbyStep', () => {
  const look: LeaseState = { owner: 'other', epoch: 3, renewals: 7, expired: false }
  const seen: Watch = { epoch: 3, renewals: 7, since: 100 }
  const unchanged = { epoch: 3, renewals: 7 }
  const table: [string, Watch | undefined, LeaseState, number, StandbyStep][] = [
    ['first look', undefined, look, 100, { action: 'wait', watch: seen }],
    ['unchanged for less than a term', seen, look, 1_099, { action: 'wait', watch: seen }],
    [
      'unchanged for a term',
      seen,
      look,
      1_100,
      { action: 'acquire', watch: seen, unchangedSince: unchanged },
    ],
    [
      'renewed',
      seen,
      { ...look, renewals: 8 },
      1_100,
      { action: 'wait', watch: { epoch: 3, renewals: 8, since: 1_100 } },
    ],
    [
      'taken by another one',
      seen,
      { ...look, epoch: 4 },
      1_100,
      { action: 'wait', watch: { epoch: 4, renewals: 7, since: 1_100 } },
    ],
    ['nobody owns it', seen, { ...look, owner: null }, 101, { action: 'acquire', watch: seen }],
    ['expired', seen, { ...look, expired: true }, 101, { action: 'acquire', watch: seen }],
  ]
  test.each(table)('%s', (_, watch, state, now, expected) => {
    expect(standbyStep(watch, state, now, 1_000)).toEqual(expected)
  })
})

test('a lease is not used up to its end', () => {
  expect(validUntil(5_000, 1_000)).toBe(5_800)
})

describe('the rows that a read asks for', () => {
  const budget = (maxBatchEvents = 1_000): RowBudget =>
    new RowBudget({ maxBatchEvents, maxBatchBytes: 1_000_000 })

  test('are few before their size is known', () => {
    expect(budget().rows).toBe(100)
    expect(budget(7).rows).toBe(7)
  })

  test.each([
    ['small', 100, 100 * 300, 1_000],
    ['large', 4, 4_000_000, 4],
    ['of a hundredth of a batch', 10, 100_000, 200],
    ['without content', 10, 0, 1_000],
  ])('%s: so many that twice a batch comes', (_, rows, bytes, expected) => {
    const learned = budget()
    learned.learn(rows, bytes)
    expect(learned.rows).toBe(expected)
    learned.learn(0, 0)
    expect(learned.rows).toBe(expected)
  })
})

test('the text of an error is one that every database takes, and not a long one', () => {
  expect(storable('a\0b\ud800c\udc00d 🙂')).toBe('ab\ufffdc\ufffdd 🙂')
  const long = storable(`${'x'.repeat(999)}🙂`)
  expect(long).toBe(`${'x'.repeat(999)}\ufffd`)
})

test('the name of an owner says where it runs, is its own, and fits', () => {
  expect(ownerName('', 'relay-7d9f8b6c5-x2x9z', 7)).toMatch(/^relay-7d9f8b6c5-x2x9z\/7\/[0-9a-f]{12}$/)
  expect(ownerName('', 'a', 7)).not.toBe(ownerName('', 'a', 7))
  const long = ownerName('dev:', `${'x'.repeat(80)}-end`, 4_194_304)
  expect(long).toMatch(/^dev:x+-end\/4194304\/[0-9a-f]{12}$/)
  expect(long).toHaveLength(64)
  expect(ownerName('', 'größe: 1', 1)).toMatch(/^gre1\/1\//)
})
