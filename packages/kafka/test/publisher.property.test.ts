import type { StoredEvent } from '@outboxkit/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kafkaPublisher, type BatchOutcome } from '../src/index.js'
import { storedEvent } from './event.js'
import { ScriptedDriver } from './scripted-driver.js'

const never = new AbortController().signal
const outcomes: readonly BatchOutcome[] = [
  { status: 'written' },
  { status: 'written' },
  { status: 'failed', code: 'NOT_ENOUGH_REPLICAS', message: '' },
  { status: 'too-large' },
  { status: 'rejected', code: 'INVALID_RECORD', message: '' },
  { status: 'unknown', code: 'TIMEOUT', message: '' },
]

const scenario = fc.record({
  keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd', null), { minLength: 1, maxLength: 40 }),
  topics: fc.array(fc.constantFrom('t', 'u'), { minLength: 40, maxLength: 40 }),
  // What the broker does to each request in turn; at its end all goes well.
  script: fc.array(fc.nat(outcomes.length - 1), { maxLength: 30 }),
  lateWrites: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
  maxRequestBytes: fc.constantFrom(1, 300, 100_000),
  // Rows that can never be published.
  bad: fc.array(fc.constantFrom('no', 'no', 'no', 'huge', 'undecodable'), { minLength: 40, maxLength: 40 }),
})

describe('any sequence of answers', () => {
  it('keeps first occurrences in order per key and topic, and never calls published what is not there', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ keys, topics, script, lateWrites, maxRequestBytes, bad }) => {
        const driver = new ScriptedDriver().found('t').found('u', { partitions: 2 })
        let request = 0
        driver.answer = (batch) => {
          const turn = request++
          const outcome = outcomes[script[turn] ?? 0] ?? { status: 'written' }
          // Of an unknown answer the records may be in the log all the same.
          if (outcome.status === 'unknown' && lateWrites[turn] === true)
            for (const { value } of batch.records)
              driver.log.push({ topic: batch.topic, partition: batch.partition, value: String(value) })
          return outcome
        }
        const publisher = kafkaPublisher({ driver, maxRequestBytes, onWarning: () => {} })
        let left: readonly StoredEvent[] = keys.map((aggregateId, index) =>
          storedEvent(index, {
            aggregateId,
            topic: topics[index] ?? 't',
            payload: bad[index] === 'huge' ? String(index).padEnd(12_000) : String(index),
            headers: bad[index] === 'undecodable' ? '[]' : null,
          }),
        )
        const rejected = new Set<number>()
        for (let call = 0; left.length > 0; call++) {
          expect(call).toBeLessThan(100)
          const results = await publisher.publish(left, { signal: never })
          expect(results).toHaveLength(left.length)
          const written = new Set(driver.log.map(({ value }) => Number(value)))
          const lies = left.filter(
            ({ position }, index) => results[index]?.status === 'published' && !written.has(position),
          )
          expect(lies).toEqual([])
          // Nothing is rejected, or published, while an earlier event of its key and topic waits.
          const overtaken = left.filter(
            (event, index) =>
              results[index]?.status !== 'retry' &&
              event.aggregateId !== null &&
              left
                .slice(0, index)
                .some(
                  (earlier, at) =>
                    earlier.aggregateId === event.aggregateId &&
                    earlier.topic === event.topic &&
                    results[at]?.status === 'retry',
                ),
          )
          expect(overtaken).toEqual([])
          for (const [index, { position }] of left.entries())
            if (results[index]?.status === 'reject') rejected.add(position)
          left = left.filter((_, index) => results[index]?.status === 'retry')
        }
        for (const topic of ['t', 'u'])
          for (const key of ['a', 'b', 'c', 'd']) {
            const of = (position: number): boolean => keys[position] === key && topics[position] === topic
            const seen = new Set(
              driver.log
                .filter((entry) => entry.topic === topic)
                .map(({ value }) => Number(value))
                .filter(of),
            )
            const wanted = keys.map((_, index) => index).filter(of)
            expect([...seen]).toEqual(wanted.filter((position) => seen.has(position)))
            for (const position of wanted) expect(seen.has(position) || rejected.has(position)).toBe(true)
          }
      }),
      { numRuns: 400 },
    )
  })
})
