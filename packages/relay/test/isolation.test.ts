import { OutboxError, scopeOf, type StoredEvent } from '@outboxkit/core'
import { MemoryOutbox, memoryPublisher } from '@outboxkit/testing'
import type { HeldScope, Publisher, Outcome } from '@outboxkit/relay'
import { expect, test } from 'vitest'
import { setUp, sleep, until } from './support.js'

function hold(
  outbox: MemoryOutbox,
  scope: HeldScope,
  event: Partial<StoredEvent>,
  code = 'OUTBOX_HELD_BEHIND',
) {
  const row = outbox.insert(event)
  outbox.rows.delete(row.position)
  outbox.held.set(row.position, { ...scope, event: row, code, reason: 'test', attempts: 1, request: null })
  return row
}

test('a dead topic with a backlog of one call does not hold up the other topics', async () => {
  const publisher = memoryPublisher({ fail: (_, topic) => (topic === 'dead' ? 'retry' : undefined) })
  const { outbox, relay } = setUp({}, { publisher })
  for (let i = 0; i < 2_500; i++) outbox.insert({ topic: 'dead' })
  for (let i = 0; i < 10; i++) outbox.insert({ topic: 'fine' })
  await relay.start()
  await until(() => publisher.messages('fine').length === 10, 20_000)
  await relay.stop()
  expect(publisher.messages('dead')).toEqual([])
})

test('nine large events of a dead topic do not hold up the others', async () => {
  const publisher = memoryPublisher({ fail: (_, topic) => (topic === 'dead' ? 'unknown' : undefined) })
  const { outbox, relay } = setUp({}, { publisher })
  for (let i = 0; i < 9; i++) outbox.insert({ topic: 'dead', payload: JSON.stringify('x'.repeat(1e6)) })
  for (let i = 0; i < 10; i++) outbox.insert({ topic: 'fine' })
  await relay.start()
  await until(() => publisher.messages('fine').length === 10, 20_000)
  await relay.stop()
  expect(publisher.messages('dead')).toEqual([])
})

test('draining a held topic under traffic of its own does not hold up others', async () => {
  const outbox = new MemoryOutbox()
  for (let i = 0; i < 10_000; i++) hold(outbox, { kind: 'topic', scope: 't' }, { topic: 't' })
  const publisher = memoryPublisher({ delayMs: 100 })
  const { relay } = setUp({ maxInFlightEvents: 100, lease: { termMs: 2_000 } }, { outbox, publisher })
  await relay.start()
  await until(() => publisher.messages('t').length > 500)
  for (let i = 0; i < 200; i++) outbox.insert({ topic: 't' })
  await sleep(150)
  outbox.insert({ topic: 'fine' })
  await until(() => publisher.messages('fine').length === 1, 20_000)
  const left = outbox.held.size
  await relay.stop()
  // It did not wait for the end of the drain.
  expect(left).toBeGreaterThan(0)
})

test('draining a held key does not hold up other keys and topics', async () => {
  const outbox = new MemoryOutbox()
  const key = { aggregateType: 'order', aggregateId: 'hot' }
  const scope = { kind: 'key', scope: scopeOf({ ...key } as StoredEvent)! } as const
  for (let i = 0; i < 10_000; i++) hold(outbox, scope, { ...key, topic: 't' })
  const publisher = memoryPublisher({ delayMs: 100 })
  const { relay } = setUp({ lease: { termMs: 2_000 } }, { outbox, publisher })
  await relay.start()
  await until(() => publisher.messages('t').length > 500)
  outbox.insert({ topic: 'fine' })
  await until(() => publisher.messages('fine').length === 1, 20_000)
  const left = outbox.held.size
  await relay.stop()
  // It did not wait for the end of the drain.
  expect(left).toBeGreaterThan(0)
})

/** A publisher on which topics fail, reject and hang as the test says. */
class ScriptedPublisher implements Publisher {
  readonly name = 'scripted'
  /** What was published: `topic:payload`. */
  readonly log: string[] = []
  /** What becomes of the events of a topic; not listed: published. */
  readonly answers = new Map<string, 'retry' | 'reject'>()
  readonly #gates = new Map<string, Promise<void>>()

  /** Calls with events of the topic wait until the result is called. */
  hang(topic: string): () => void {
    let open!: () => void
    this.#gates.set(topic, new Promise((resolve) => (open = resolve)))
    return open
  }

  topicOf(event: StoredEvent): string {
    return event.topic ?? ''
  }

  async publish(events: readonly StoredEvent[]): Promise<Outcome[]> {
    for (const topic of new Set(events.map((event) => this.topicOf(event)))) await this.#gates.get(topic)
    return events.map((event) => {
      const topic = this.topicOf(event)
      const status = this.answers.get(topic)
      if (status !== undefined)
        return { status, error: new OutboxError('OUTBOX_PUBLISH_RETRY', 'as scripted'), topic }
      this.log.push(`${topic}:${event.payload as string}`)
      return { status: 'published' }
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** T fails while V succeeds, and its next probe hangs with event k1 of the key behind it; U rejects. */
async function stalledBehindT() {
  const key = { aggregateType: 'order', aggregateId: 'K' }
  const outbox = new MemoryOutbox()
  const publisher = new ScriptedPublisher()
  publisher.answers.set('T', 'retry').set('U', 'reject')
  const { relay } = setUp(
    { holdAfterMs: 60_000, lease: { termMs: 10_000 } },
    { outbox, publisher: publisher as never },
  )
  outbox.insert({ topic: 'T', payload: 'other', aggregateId: 'other' })
  outbox.insert({ topic: 'V', payload: 'v' })
  await relay.start()
  await until(() => relay.metrics().stalledTopics === 1)
  const openT = publisher.hang('T')
  await sleep(50)
  outbox.insert({ ...key, topic: 'T', payload: 'k1' })
  await sleep(50)
  return { key, outbox, publisher, relay, openT }
}

test('an older event that waits for its stalled topic is not overtaken by a held key that is drained', async () => {
  const { key, outbox, publisher, relay, openT } = await stalledBehindT()
  // K is parked for an event of U.
  const bad = outbox.insert({ ...key, topic: 'U', payload: 'bad' })
  await until(() => outbox.held.has(bad.position))
  const k3 = outbox.insert({ ...key, topic: 'T', payload: 'k3' })
  await until(() => outbox.held.has(k3.position))
  // A person lets the parked event go, while the broker is slow for V.
  publisher.answers.delete('U')
  const openV = publisher.hang('V')
  outbox.insert({ topic: 'V', payload: 'v2' })
  await sleep(50)
  outbox.request(bad.position, 'retry')
  await sleep(50)
  publisher.answers.delete('T')
  openT()
  await sleep(50)
  openV()
  await until(() => publisher.log.length >= 6, 3_000).catch(() => undefined)
  await relay.stop()
  expect(publisher.log.filter((x) => /k\d/.test(x))).toEqual(['T:k1', 'T:k3'])
})

test('what waits for a key that is about to be lifted comes back in order', async () => {
  const { key, outbox, publisher, relay, openT } = await stalledBehindT()
  const bad = outbox.insert({ ...key, topic: 'U', payload: 'bad' })
  await until(() => outbox.held.has(bad.position))
  // A person lets it go; U is slow to answer. Meanwhile k3 arrives, and T works again.
  publisher.answers.delete('U')
  const openU = publisher.hang('U')
  outbox.request(bad.position, 'retry')
  await sleep(50)
  outbox.insert({ ...key, topic: 'T', payload: 'k3' })
  await sleep(50)
  publisher.answers.delete('T')
  openT()
  await sleep(50)
  openU()
  await until(() => publisher.log.length >= 5, 3_000).catch(() => undefined)
  await relay.stop()
  expect(publisher.log.filter((x) => /k\d/.test(x))).toEqual(['T:k1', 'T:k3'])
})

test('drain() is not complete while held rows that are free to go are left', async () => {
  const outbox = new MemoryOutbox()
  for (let i = 0; i < 50; i++) {
    const key = { aggregateType: 'order', aggregateId: `k${i}` }
    hold(outbox, { kind: 'key', scope: scopeOf(key as StoredEvent)! }, key)
  }
  const { relay } = setUp({ internal: { requestPollMs: 1_000, standbyPollMs: 5 } }, { outbox })
  const result = await relay.drain({ deadlineMs: 10_000 })
  await relay.stop()
  expect(result.complete && outbox.held.size > 0).toBe(false)
})
