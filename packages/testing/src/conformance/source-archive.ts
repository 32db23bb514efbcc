import type { StoredEvent } from '@outboxkit/core'
import type { HeldEvent, Source } from '@outboxkit/relay'
import { expect, it } from 'vitest'
import {
  opened,
  pause,
  readOnce,
  rejection,
  type CurrentTest,
  type SourceUnderTest,
} from './source-harness.js'

const hour = 3_600_000
const scope = { kind: 'key', scope: 'order:1' } as const
const held = (event: StoredEvent): HeldEvent => ({
  ...scope,
  event,
  code: 'OUTBOX_PUBLISH_REJECTED',
  reason: 'too large',
  attempts: 1,
})

/** The same tables; every source archives unless it is told otherwise. */
export function withArchive(current: CurrentTest): CurrentTest {
  return () => {
    const test = current()
    return { ...test, source: (tuning) => test.source({ cleanup: 'archive', ...tuning }) }
  }
}

/** What becomes of rows that leave when they are archived. */
export function sourceArchiveTests(plain: CurrentTest): void {
  const current = withArchive(plain)

  it('moves rows to the archive as they are, with why and when they left', async () => {
    const writer = await current().writer()
    const payload = '{"b":1,  "a" : 1.10, "€": "😀"}'
    await writer.insert({ key: '1', payload, headers: '{"h": "v"}', topic: 'orders.v2' })
    await writer.insert({ key: null, payload: null })
    const kept = await writer.insert()
    const source = await opened(current())
    const [a, b] = await readOnce(source)
    if (!a || !b) throw new Error('three events were expected')
    await source.settle({ done: [a], skipped: [b], held: [] })
    expect(await current().positions()).toEqual([kept])
    const archived = await current().archive()
    expect(archived).toEqual([
      {
        position: a.position,
        id: a.id,
        aggregateId: '1',
        type: a.type,
        payload,
        headers: '{"h": "v"}',
        topic: 'orders.v2',
        outcome: 'published',
        createdAt: a.createdAt,
        publishedAt: expect.any(String),
      },
      expect.objectContaining({ position: b.position, aggregateId: null, payload: null, outcome: 'skipped' }),
    ])
    for (const row of archived) {
      expect(row.publishedAt > row.createdAt).toBe(true)
      expect(Math.abs(Date.parse(row.publishedAt) - Date.now())).toBeLessThan(60_000)
    }
  })

  it('archives what leaves the held table, too, and what was discarded as such', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 4; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const [a, b, c, d] = await readOnce(source)
    if (!a || !b || !c || !d) throw new Error('four events were expected')
    await source.settle({ done: [], held: [a, b, c, d].map(held) })
    expect(await current().archive()).toEqual([])
    await source.settleHeld(scope, { done: [a], skipped: [b], discarded: [c], parked: [held(d)] })
    expect((await current().held()).map(({ position }) => position)).toEqual([d.position])
    const archived = await current().archive()
    expect(archived.map(({ position, outcome }) => [position, outcome])).toEqual([
      [a.position, 'published'],
      [b.position, 'skipped'],
      [c.position, 'discarded'],
    ])
    // a row of another scope stays where it is
    await source.settleHeld({ kind: 'key', scope: 'order:2' }, { done: [d] })
    expect((await current().archive()).length).toBe(3)
  })

  it('archives a row once, and only the one that was published', async () => {
    const writer = await current().writer()
    const [first, second] = [await writer.insert(), await writer.insert()]
    const source = await opened(current())
    const [a, b] = await readOnce(source)
    if (!a || !b) throw new Error('two events were expected')
    await source.settle({ done: [a], held: [] })
    await source.settle({ done: [a], held: [] })
    // at this position there is another event than the one that was published
    await source.settle({ done: [{ ...b, id: a.id }], held: [] })
    expect((await current().archive()).map(({ position }) => position)).toEqual([first])
    expect(await current().positions()).toEqual([second])
  })

  it('gives all rows of a settlement one time, and a later settlement a later one', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 6; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const events = await readOnce(source)
    await source.settle({ done: events.slice(0, 3).toReversed(), held: [] })
    await pause(5)
    await source.settle({ done: events.slice(3).toReversed(), held: [] })
    const archived = await current().archive()
    expect(archived.map(({ position }) => position)).toEqual(events.map(({ position }) => position))
    expect(new Set(archived.map(({ publishedAt }) => publishedAt)).size).toBe(2)
  })

  it('archives nothing when the lease is lost', async () => {
    const [writer, other] = [await current().writer(), await current().writer()]
    await writer.insert()
    await writer.insert()
    const source = await opened(current(), { retentionMs: 1 })
    const [a, b] = await readOnce(source)
    if (!a || !b) throw new Error('two events were expected')
    await source.settle({ done: [], held: [held(b)] })
    await other.begin()
    await other.takeLease('other')
    const settled = rejection(source.settle({ done: [a], held: [] }))
    await pause(100)
    await other.commit()
    expect((await settled).code).toBe('OUTBOX_LEASE_LOST')
    const settledHeld = source.settleHeld(scope, { done: [b] })
    expect((await rejection(settledHeld)).code).toBe('OUTBOX_LEASE_LOST')
    expect((await rejection(prune(source))).code).toBe('OUTBOX_LEASE_LOST')
    expect(await current().archive()).toEqual([])
    expect(await current().positions()).toEqual([a.position])
    expect((await current().held()).length).toBe(1)
  })

  it('prunes what has passed its retention, in steps, and nothing that is not published', async () => {
    const writer = await current().writer()
    await writer.begin()
    for (let i = 0; i < 1_010; i++) await writer.insert({ key: '1' })
    await writer.commit()
    const source = await opened(current(), { retentionMs: hour })
    const events: StoredEvent[] = []
    while (events.length < 1_010) events.push(...(await readOnce(source)))
    const [waiting, parked, late, ...done] = events
    if (!waiting || !parked || !late) throw new Error('events were expected')
    await source.settle({ done, held: [held(parked)] })
    expect(await prune(source)).toBe(false)
    await current().ageArchive(2 * hour)
    await source.settle({ done: [late], held: [] })
    expect(await prune(source)).toBe(true)
    expect(await archivedPositions(current())).toEqual([
      ...done.slice(1_000).map(({ position }) => position),
      late.position,
    ])
    expect(await prune(source)).toBe(false)
    expect(await archivedPositions(current())).toEqual([late.position])
    expect(await current().positions()).toEqual([waiting.position])
    expect((await current().held()).map(({ position }) => position)).toEqual([parked.position])
  })

  it('prunes nothing without a retention, and archives nothing unless it is told to', async () => {
    const position = await (await current().writer()).insert()
    const source = await opened(current(), { cleanup: 'delete' })
    expect(source.prune).toBeUndefined()
    await source.settle({ done: await readOnce(source), held: [] })
    expect(await current().positions()).not.toContain(position)
    expect(await current().archive()).toEqual([])
    expect(current().source().prune).toBeUndefined()
  })
}

async function archivedPositions(test: SourceUnderTest): Promise<number[]> {
  return (await test.archive()).map(({ position }) => position)
}

async function prune(source: Source): Promise<boolean> {
  if (source.prune === undefined) throw new Error('A source with a retention prunes.')
  return source.prune()
}
