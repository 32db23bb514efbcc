import { cloudEvents, scopeOf } from '@outboxkit/core'
import { describe, expect, it } from 'vitest'
import { bodySize } from '../src/size.js'
import { nextRound, placeEvents, planEvents, type PlacedEvent } from '../src/plan.js'
import { createRouter } from '../src/routing.js'
import { storedEvent } from './event.js'

const router = createRouter({})
const envelope = cloudEvents()
const indexes = (items: readonly PlacedEvent[] | undefined): number[] =>
  (items ?? []).map(({ index }) => index)

describe('planEvents', () => {
  it('groups by topic and keeps the order', () => {
    const plan = planEvents(
      [storedEvent(1), storedEvent(2, { aggregateType: 'user' }), storedEvent(3)],
      router,
      envelope,
    )
    expect([...plan.byTopic].map(([topic, items]) => [topic, items.map(({ index }) => index)])).toEqual([
      ['outbox.event.order', [0, 2]],
      ['outbox.event.user', [1]],
    ])
    expect(plan.outcomes.size).toBe(0)
  })

  it('rejects what cannot be decoded and blocks the later events of its key in that topic only', () => {
    const plan = planEvents(
      [
        storedEvent(1, { aggregateId: 'a', headers: '[]' }),
        storedEvent(2, { aggregateId: 'b' }),
        storedEvent(3, { aggregateId: 'a' }),
        storedEvent(4, { aggregateId: 'a', topic: 'other' }),
      ],
      router,
      envelope,
    )
    expect(plan.outcomes.get(0)).toMatchObject({
      status: 'reject',
      topic: 'outbox.event.order',
      error: { code: 'OUTBOX_ROW_UNDECODABLE' },
    })
    expect(plan.outcomes.get(2)).toMatchObject({
      status: 'retry',
      error: { code: 'OUTBOX_PUBLISH_RETRY', details: { blocked: true } },
    })
    expect([...plan.byTopic.keys()]).toEqual(['outbox.event.order', 'other'])
    expect(plan.outcomes.size).toBe(2)
  })

  it('blocks a key everywhere when its topic cannot be made out', () => {
    const plan = planEvents(
      [
        storedEvent(1, { aggregateId: 'a', topic: 'not legal' }),
        storedEvent(2, { aggregateId: 'a', topic: 'legal' }),
      ],
      router,
      envelope,
    )
    expect(plan.outcomes.get(0)).toMatchObject({ status: 'reject', topic: null })
    expect(plan.outcomes.get(1)).toMatchObject({ status: 'retry', topic: 'legal' })
  })

  it('blocks nothing behind an event without a key', () => {
    const plan = planEvents(
      [storedEvent(1, { aggregateId: null, id: 'no uuid' }), storedEvent(2, { aggregateId: null })],
      router,
      envelope,
    )
    expect([...plan.outcomes.keys()]).toEqual([0])
  })

  it('survives an envelope that throws anything', () => {
    const plan = planEvents([storedEvent(1)], router, {
      name: 'broken',
      toMessage: () => {
        throw new RangeError('boom')
      },
    })
    expect(plan.outcomes.get(0)).toMatchObject({
      status: 'reject',
      error: { code: 'OUTBOX_PUBLISH_REJECTED' },
    })
  })
})

describe('placeEvents', () => {
  it('puts events without a key on one partition, others by their key', () => {
    const { byTopic } = planEvents(
      [
        storedEvent(1, { aggregateId: 'k1' }),
        storedEvent(2, { aggregateId: null }),
        storedEvent(3, { aggregateId: null }),
      ],
      router,
      envelope,
    )
    const placed = placeEvents(byTopic.get('outbox.event.order') ?? [], 6, 13)
    expect(placed.map(({ partition }) => partition)).toEqual([5, 1, 1])
  })
})

/** An event of `scope` on `partition` whose record takes about `bytes`. */
function placed(index: number, scope: string | null, partition: number, bytes = 10): PlacedEvent {
  const event = storedEvent(index, { aggregateId: scope })
  const record = { key: null, value: 'x'.repeat(bytes), headers: [] }
  return { index, event, scope: scopeOf(event), record, bodyBytes: bodySize(record), key: null, partition }
}

describe('nextRound', () => {
  const unlimited = { maxBytes: 1_000_000, maxRecords: new Map<number, number>() }

  it('takes everything when it fits', () => {
    const round = nextRound([placed(0, 'a', 0), placed(1, 'b', 1), placed(2, 'a', 0)], unlimited)
    expect(indexes(round.batches.get(0))).toEqual([0, 2])
    expect(indexes(round.batches.get(1))).toEqual([1])
    expect(round.later).toEqual([])
  })

  it('cuts at the limit and never lets a small record overtake a large one', () => {
    const items = [
      placed(0, 'a', 0, 400),
      placed(1, 'b', 0, 700),
      placed(2, 'c', 0, 10),
      placed(3, 'd', 1, 10),
    ]
    const round = nextRound(items, { ...unlimited, maxBytes: 1_000 })
    expect(indexes(round.batches.get(0))).toEqual([0])
    expect(indexes(round.batches.get(1))).toEqual([3])
    expect(indexes(round.later)).toEqual([1, 2])
  })

  it('lets a record above the limit go alone', () => {
    const round = nextRound([placed(0, 'a', 0, 5_000), placed(1, 'b', 0)], { ...unlimited, maxBytes: 1_000 })
    expect(indexes(round.batches.get(0))).toEqual([0])
    expect(indexes(round.later)).toEqual([1])
  })

  it('keeps to the number of records of a partition', () => {
    const items = [
      placed(0, 'a', 0),
      placed(1, 'b', 0),
      placed(2, 'c', 0),
      placed(3, 'd', 1),
      placed(4, 'e', 1),
    ]
    const round = nextRound(items, { ...unlimited, maxRecords: new Map([[0, 2]]) })
    expect(indexes(round.batches.get(0))).toEqual([0, 1])
    expect(indexes(round.batches.get(1))).toEqual([3, 4])
  })

  it('makes an event wait for an earlier one of its scope in another partition', () => {
    const items = [
      placed(0, 'a', 0),
      placed(1, 'a', 1),
      placed(2, 'b', 1),
      placed(3, 'b', 2),
      placed(4, 'c', 2),
    ]
    const round = nextRound(items, unlimited)
    expect(indexes(round.batches.get(0))).toEqual([0])
    expect(round.batches.has(1)).toBe(false)
    expect(indexes(round.later)).toEqual([1, 2, 3, 4])
  })

  it('finishes: every round sends something', () => {
    let pending: readonly PlacedEvent[] = Array.from({ length: 200 }, (_, i) =>
      placed(i, `s${i % 7}`, (i * 31) % 5, (i * 97) % 900),
    )
    const sent: number[] = []
    for (let rounds = 0; pending.length > 0; rounds++) {
      expect(rounds).toBeLessThan(200)
      const round = nextRound(pending, { ...unlimited, maxBytes: 2_000 })
      sent.push(...[...round.batches.values()].flatMap(indexes))
      pending = round.later
    }
    expect(sent.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })
})
