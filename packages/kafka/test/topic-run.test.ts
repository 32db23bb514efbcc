import { scopeOf } from '@outboxkit/core'
import { describe, expect, it } from 'vitest'
import type { PlacedEvent } from '../src/plan.js'
import { bodySize } from '../src/size.js'
import { retryError, TopicRun } from '../src/topic-run.js'
import { storedEvent } from './event.js'

const options = { topic: 't', maxMessageBytes: 1_000, maxBatchBytes: 1_000 }

function placed(index: number, aggregateId: string | null, partition: number, bytes = 10): PlacedEvent {
  const event = storedEvent(index, { aggregateId })
  const record = { key: null, value: 'x'.repeat(bytes), headers: [] }
  return { index, event, scope: scopeOf(event), record, bodyBytes: bodySize(record), key: null, partition }
}

const statusesOf = (run: TopicRun): string[] =>
  [...run.outcomes].toSorted(([a], [b]) => a - b).map(([, { status }]) => status)

describe('TopicRun', () => {
  it('takes an outcome that is missing for unknown', () => {
    const run = new TopicRun([placed(0, 'a', 0), placed(1, 'b', 1)], options)
    expect(run.next().map(({ partition }) => partition)).toEqual([0, 1])
    run.apply([{ status: 'written' }])
    expect(statusesOf(run)).toEqual(['published', 'retry'])
    expect(run.outcomes.get(1)).toMatchObject({
      error: { details: { code: 'MISSING_ANSWER', partition: 1 } },
    })
  })

  it('cuts in half and grows again after the culprit is out', () => {
    const run = new TopicRun(
      Array.from({ length: 8 }, (_, index) => placed(index, `k${index}`, 0)),
      options,
    )
    const sizes: number[] = []
    for (let batches = run.next(); batches.length > 0; batches = run.next()) {
      const records = batches[0]?.records.length ?? 0
      sizes.push(records)
      // The second event is to blame.
      const first = 8 - (8 - run.outcomes.size)
      run.apply([first <= 1 && first + records > 1 ? { status: 'too-large' } : { status: 'written' }])
    }
    expect(sizes).toEqual([8, 4, 2, 1, 2, 1, 1, 2, 3])
    expect(statusesOf(run)).toEqual(['published', 'reject', ...Array.from({ length: 6 }, () => 'published')])
  })

  it('gives what is left retry when it is stopped', () => {
    const run = new TopicRun([placed(0, 'a', 0), placed(1, 'a', 0)], options)
    run.stop(retryError('t', null, { code: 'ABORTED', message: 'aborted' }))
    expect(statusesOf(run)).toEqual(['retry', 'retry'])
    expect(run.next()).toEqual([])
  })

  it('never sends what is too large for the topic alone', () => {
    const run = new TopicRun([placed(0, 'a', 0), placed(1, 'b', 0, 2_000), placed(2, 'b', 0)], options)
    expect(run.next().flatMap(({ records }) => records)).toHaveLength(1)
    run.apply([{ status: 'written' }])
    expect(statusesOf(run)).toEqual(['published', 'reject', 'retry'])
  })
})
