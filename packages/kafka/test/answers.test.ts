import { describe, expect, it } from 'vitest'
import { outcomeFrom, packRequests, type Answer } from '../src/answers.js'
import type { PartitionBatch } from '../src/index.js'

const batch = (partition: number, bytes = 1): PartitionBatch => ({
  topic: 't',
  partition,
  records: [{ key: null, value: Buffer.alloc(bytes), headers: [] }],
})
const answer = (partition: number, errorCode = 0, fields: Partial<Answer> = {}): Answer => ({
  topic: 't',
  partition,
  errorCode,
  ...fields,
})

describe('outcomeFrom', () => {
  it.each([
    ['one good answer', [answer(0), answer(1)], { status: 'written' }],
    ['no answer', [answer(0)], { status: 'unknown', code: 'MISSING_ANSWER' }],
    [
      'an answer of another topic',
      [answer(1, 0, { topic: 'u' })],
      { status: 'unknown', code: 'MISSING_ANSWER' },
    ],
    ['two answers', [answer(1), answer(1)], { status: 'unknown', code: 'MISSING_ANSWER' }],
    ['a good and a bad answer', [answer(1), answer(1, 3)], { status: 'unknown', code: 'MISSING_ANSWER' }],
    ['too large', [answer(0), answer(1, 10)], { status: 'too-large' }],
    ['a doubt', [answer(1, 7)], { status: 'unknown', code: 'REQUEST_TIMED_OUT' }],
    ['an error nobody knows', [answer(1, 9_999)], { status: 'unknown', code: 'ERROR_9999' }],
    [
      'the broker’s words',
      [answer(1, 87, { message: 'no key' })],
      { status: 'rejected', code: 'INVALID_RECORD', message: 'no key' },
    ],
  ] as const)('%s', (_, answers, outcome) => {
    expect(outcomeFrom(answers, batch(1))).toMatchObject(outcome)
  })
})

describe('packRequests', () => {
  it('keeps the order, fills requests, and gives what is larger one of its own', () => {
    const batches = [batch(0, 40), batch(1, 40), batch(2, 40), batch(3, 500), batch(4, 10)]
    expect(packRequests(batches, 100)).toEqual([
      [batches[0], batches[1]],
      [batches[2]],
      [batches[3]],
      [batches[4]],
    ])
    expect(packRequests([], 100)).toEqual([])
  })
})
