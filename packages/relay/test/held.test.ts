import { MemoryOutbox, memoryPublisher, type MemoryFailure, type MemoryOperation } from '@outboxkit/testing'
import { expect, test } from 'vitest'
import { heldBehind } from '@outboxkit/relay'
import { eventsOf, setUp, sleep, until } from './support.js'

const dead =
  (topic: string) =>
  (_: unknown, of: string): MemoryFailure =>
    of === topic ? 'retry' : undefined

/** Rejects these positions. */
const poison =
  (...positions: number[]) =>
  (event: { position: number }): MemoryFailure =>
    positions.includes(event.position) ? 'reject' : undefined

const positions = (messages: readonly { event: { position: number } }[]): number[] =>
  messages.map(({ event }) => event.position)

test('everything fails: nobody is blamed, nothing is held, order is kept', async () => {
  const publisher = memoryPublisher({ fail: () => 'retry' })
  const { outbox, relay, seen } = setUp({}, { publisher })
  for (let i = 0; i < 20; i++) outbox.insert({ topic: `t${i % 2}`, aggregateId: 'k' })
  await relay.start()
  await until(() => relay.metrics().publishCallsFailed > 10)
  // Longer than holdAfterMs.
  await sleep(50)
  publisher.failWith(undefined)
  await publisher.waitFor(20)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  expect(relay.metrics()).toMatchObject({ held: 0, published: 20, settled: 20 })
  expect(
    eventsOf(seen, 'fault').every(({ phase, topic }) => phase === 'publish' && topic === undefined),
  ).toBe(true)
})

test('a dead topic is held after holdAfterMs, the others flow, and it drains by itself', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const { outbox, relay, seen } = setUp({}, { publisher })
  for (let i = 0; i < 40; i++)
    outbox.insert({ topic: i % 2 === 0 ? 'dead' : 'alive', aggregateId: `k${i % 3}` })
  await relay.start()
  await until(() => outbox.held.size === 20)
  expect(publisher.messages('alive')).toHaveLength(20)
  expect([...outbox.held.values()].every(({ kind, scope }) => kind === 'topic' && scope === 'dead')).toBe(
    true,
  )
  expect(outbox.rows.size).toBe(0)
  // While it is held, its new events go there too.
  const late = outbox.insert({ topic: 'dead', aggregateId: 'k0' })
  await until(() => outbox.held.has(late.position))
  expect(outbox.held.get(late.position)?.code).toBe(heldBehind)
  publisher.failWith(undefined)
  await until(() => outbox.held.size === 0)
  const after = outbox.insert({ topic: 'dead', aggregateId: 'k0' })
  await until(() => !outbox.rows.has(after.position))
  await relay.stop()
  const order = positions(publisher.messages('dead'))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(order).toHaveLength(22)
  expect(eventsOf(seen, 'lifted')).toEqual([{ kind: 'topic', scope: 'dead' }])
  expect(relay.metrics()).toMatchObject({ held: 21, drained: 21, heldTopics: 0 })
})

test('a held topic is lifted under constant load', async () => {
  // Slow enough for new events to be settled during every call.
  const publisher = memoryPublisher({ fail: dead('dead'), delayMs: 10 })
  const { outbox, relay } = setUp({}, { publisher })
  let inserted = 0
  const load = setInterval(() => {
    for (const topic of ['dead', 'alive', 'dead']) outbox.insert({ topic, aggregateId: 'k' })
    inserted += 2
  }, 1)
  await relay.start()
  await until(() => relay.metrics().heldTopics === 1)
  publisher.failWith(undefined)
  await until(() => relay.metrics().lifted > 0).finally(() => clearInterval(load))
  await until(() => outbox.rows.size === 0 && outbox.held.size === 0)
  await relay.stop()
  const order = positions(publisher.messages('dead'))
  expect(order).toHaveLength(inserted)
  expect(order).toEqual(order.toSorted((a, b) => a - b))
})

test('a topic is not taken for drained before its events have reached the held table', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const intercept = async (operation: MemoryOperation): Promise<void> => {
    if (operation === 'settle') await sleep(8)
  }
  const { outbox, relay } = setUp({ retry: { minMs: 1, maxMs: 1 } }, { publisher, source: { intercept } })
  const load = setInterval(() => {
    for (const topic of ['dead', 'alive']) outbox.insert({ topic })
  }, 1)
  await relay.start()
  await until(() => relay.metrics().held > 50).finally(() => clearInterval(load))
  expect(relay.metrics().lifted).toBe(0)
  await relay.stop()
})

test('a dead topic that fills the memory is held at once', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const { outbox, relay } = setUp({ maxInFlightEvents: 10, holdAfterMs: 3_600_000 }, { publisher })
  outbox.insert({ topic: 'alive' })
  for (let i = 0; i < 200; i++) outbox.insert({ topic: 'dead' })
  outbox.insert({ topic: 'alive' })
  await relay.start()
  await until(() => publisher.messages('alive').length === 2)
  expect(outbox.held.size).toBeGreaterThan(0)
  await relay.stop()
})

test('an outage in which nobody knows whose fault it is never moves the backlog', async () => {
  const publisher = memoryPublisher({ fail: () => 'unknown' })
  const { outbox, relay } = setUp({ maxInFlightEvents: 10, holdAfterMs: 20 }, { publisher })
  for (let i = 0; i < 50; i++) outbox.insert({ topic: `t${i % 2}` })
  await relay.start()
  await until(() => relay.metrics().publishCallsFailed > 10)
  await sleep(100)
  expect(outbox.held.size).toBe(0)
  publisher.failWith(undefined)
  await publisher.waitFor(50)
  await relay.stop()
})

test('a backlog of one dead topic only gives way when the publisher names the topic', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const { outbox, relay } = setUp({ maxInFlightEvents: 10 }, { publisher, source: { batchEvents: 5 } })
  for (let i = 0; i < 50; i++) outbox.insert({ topic: 'dead' })
  outbox.insert({ topic: 'alive' })
  await relay.start()
  await until(() => publisher.messages('alive').length === 1)
  expect(outbox.held.size).toBeGreaterThan(0)
  await relay.stop()
})

test('park-key: the rejected event and the later ones of its key wait, nothing else does', async () => {
  const publisher = memoryPublisher({ fail: poison(2) })
  const { outbox, relay, seen } = setUp({}, { publisher })
  for (const aggregateId of ['a', 'a', 'b', 'a', 'b']) outbox.insert({ aggregateId })
  await relay.start()
  await until(() => outbox.rows.size === 0)
  outbox.insert({ aggregateId: 'a' })
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual([1, 3, 5])
  const held = [...outbox.held.values()]
  expect(held.map(({ event, scope, code, attempts }) => [event.position, scope, code, attempts])).toEqual([
    [2, '5:order:a', 'OUTBOX_PUBLISH_REJECTED', 1],
    [4, '5:order:a', heldBehind, 0],
    [6, '5:order:a', heldBehind, 0],
  ])
  expect(eventsOf(seen, 'held').flatMap(({ events }) => positions(events))).toEqual([2, 4, 6])
  expect(relay.metrics()).toMatchObject({ rejected: 1, held: 3, heldKeys: 1 })
})

test('park-key: an event without a key is parked alone', async () => {
  const publisher = memoryPublisher({ fail: poison(1) })
  const { outbox, relay } = setUp({}, { publisher })
  for (let i = 0; i < 3; i++) outbox.insert({ aggregateId: null })
  await relay.start()
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual([2, 3])
  expect([...outbox.held.values()].map(({ scope }) => scope)).toEqual(['#1'])
})

test.each(['retry', 'discard'] as const)(
  'a person asks for %s: the key flows again, in order',
  async (request) => {
    const publisher = memoryPublisher({ fail: poison(1) })
    const { outbox, relay, seen } = setUp({}, { publisher })
    for (let i = 0; i < 4; i++) outbox.insert({ aggregateId: 'a' })
    await relay.start()
    await until(() => outbox.held.size === 4)
    await sleep(30)
    expect(publisher.messages()).toHaveLength(0)
    publisher.failWith(undefined)
    outbox.request(1, request)
    await until(() => outbox.held.size === 0)
    outbox.insert({ aggregateId: 'a' })
    await until(() => outbox.rows.size === 0)
    await relay.stop()
    expect(positions(publisher.messages())).toEqual(request === 'retry' ? [1, 2, 3, 4, 5] : [2, 3, 4, 5])
    expect(eventsOf(seen, 'lifted')).toEqual([{ kind: 'key', scope: '5:order:a' }])
    expect(relay.metrics().discarded).toBe(request === 'retry' ? 0 : 1)
  },
)

test('an event behind the first of its key is given up at once, the first stays', async () => {
  const publisher = memoryPublisher({ fail: poison(1) })
  const { outbox, relay } = setUp({}, { publisher })
  for (let i = 0; i < 4; i++) outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => outbox.held.size === 4)
  outbox.request(3, 'discard')
  await until(() => outbox.held.size === 3)
  expect([...outbox.held.keys()]).toEqual([1, 2, 4])
  publisher.failWith(undefined)
  outbox.request(1, 'retry')
  await until(() => outbox.held.size === 0)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual([1, 2, 4])
})

test('a second attempt that is rejected again clears the request and keeps the key', async () => {
  const publisher = memoryPublisher({ fail: poison(1) })
  const { outbox, relay } = setUp({}, { publisher })
  for (let i = 0; i < 2; i++) outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => outbox.held.size === 2)
  outbox.request(1, 'retry')
  await until(() => outbox.held.get(1)?.attempts === 2)
  expect(outbox.held.get(1)).toMatchObject({ request: null, kind: 'key', code: 'OUTBOX_PUBLISH_REJECTED' })
  await relay.stop()
  expect(publisher.messages()).toHaveLength(0)
})

test('a new owner goes on draining a key from where the one before ended', async () => {
  const outbox = new MemoryOutbox()
  for (let i = 0; i < 3; i++) outbox.insert({ aggregateId: 'a' })
  const first = setUp({}, { outbox, publisher: memoryPublisher({ fail: poison(1) }) })
  await first.relay.start()
  await until(() => outbox.held.size === 3)
  await first.relay.stop()
  // Died after the rejected row had gone and before those behind it had.
  outbox.held.delete(1)
  const second = setUp({}, { outbox })
  await second.relay.start()
  await until(() => outbox.held.size === 0)
  await second.relay.stop()
  expect(positions(second.publisher.messages())).toEqual([2, 3])
})

test('a second attempt that is rejected never ends the relay or drops the event', async () => {
  const outbox = new MemoryOutbox()
  outbox.insert({ aggregateId: 'a' })
  const publisher = memoryPublisher({ fail: poison(1) })
  const first = setUp({}, { outbox, publisher })
  await first.relay.start()
  await until(() => outbox.held.size === 1)
  await first.relay.stop()
  for (const [index, onPoison] of (['halt', 'skip'] as const).entries()) {
    const next = setUp({ onPoison }, { outbox, publisher })
    await next.relay.start()
    outbox.request(1, 'retry')
    await until(() => outbox.held.get(1)?.attempts === index + 2)
    expect(next.relay.state).toBe('owner')
    await next.relay.stop()
  }
})

test('a topic that works again before it is held keeps its order', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const { outbox, relay } = setUp({ holdAfterMs: 3_600_000 }, { publisher })
  outbox.insert({ topic: 'alive' })
  for (let i = 0; i < 150; i++) outbox.insert({ topic: 'dead', aggregateId: 'k' })
  await relay.start()
  await until(() => relay.metrics().retried > 500)
  expect(relay.metrics().stalledTopics).toBe(1)
  publisher.failWith(undefined)
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(positions(publisher.messages('dead'))).toEqual(Array.from({ length: 150 }, (_, i) => i + 2))
  expect(relay.metrics()).toMatchObject({ held: 0, stalledTopics: 0 })
})

test('a row that lies before the rejected one of its key flows by itself', async () => {
  const publisher = memoryPublisher({
    fail: ({ position }, topic) => (topic === 'dead' ? 'retry' : position === 2 ? 'reject' : undefined),
  })
  const { outbox, relay } = setUp({ holdAfterMs: 3_600_000 }, { publisher })
  outbox.insert({ topic: 'dead', aggregateId: 'a' })
  outbox.insert({ topic: 'alive', aggregateId: 'a' })
  outbox.insert({ topic: 'alive', aggregateId: 'b' })
  await relay.start()
  await until(() => outbox.held.size === 2)
  await sleep(20)
  publisher.failWith(poison(2))
  await until(() => outbox.held.size === 1)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual([3, 1])
  expect([...outbox.held.keys()]).toEqual([2])
})

test('a row of a held topic that is rejected moves to its key, with those behind it', async () => {
  const publisher = memoryPublisher({ fail: dead('dead') })
  const { outbox, relay } = setUp({}, { publisher })
  outbox.insert({ topic: 'alive' })
  for (const aggregateId of ['a', 'b', 'a', 'b']) outbox.insert({ topic: 'dead', aggregateId })
  await relay.start()
  await until(() => outbox.held.size === 4)
  publisher.failWith(poison(2))
  await until(() => relay.metrics().lifted === 1)
  await relay.stop()
  expect(positions(publisher.messages('dead'))).toEqual([3, 5])
  expect([...outbox.held.values()].map(({ event, kind, scope }) => [event.position, kind, scope])).toEqual([
    [2, 'key', '5:order:a'],
    [4, 'key', '5:order:a'],
  ])
})

test('skip: only the rejected event is given up', async () => {
  const publisher = memoryPublisher({ fail: poison(2) })
  const { outbox, relay, seen } = setUp({ onPoison: 'skip' }, { publisher })
  for (let i = 0; i < 4; i++) outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(positions(publisher.messages())).toEqual([1, 3, 4])
  expect(outbox.held.size).toBe(0)
  expect(eventsOf(seen, 'skipped').map(({ event }) => event.position)).toEqual([2])
  expect(relay.metrics()).toMatchObject({ skipped: 1, settled: 4, published: 3 })
})

test('halt: settles what is published, gives the lease back and says so', async () => {
  const publisher = memoryPublisher({ fail: poison(2) })
  const { outbox, relay, seen } = setUp({ onPoison: 'halt' }, { publisher })
  for (let i = 0; i < 4; i++) outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await expect(relay.finished).rejects.toMatchObject({ code: 'OUTBOX_RELAY_HALTED' })
  expect(relay.state).toBe('halted')
  expect([...outbox.rows.keys()]).toEqual([2, 3, 4])
  expect(outbox.lease.owner).toBeNull()
  expect(outbox.lease.lastError).toMatch(/^OUTBOX_PUBLISH_REJECTED: ./)
  expect(eventsOf(seen, 'stopped')[0]?.error?.code).toBe('OUTBOX_RELAY_HALTED')
  await relay.stop()
})

test('what fails is stored with the lease, and stays there after the relay has stopped', async () => {
  const publisher = memoryPublisher({ fail: () => 'retry' })
  const { outbox, relay } = setUp({ holdAfterMs: 60_000 }, { publisher })
  outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => outbox.lease.lastError !== undefined)
  expect(outbox.lease.lastError).toMatch(/^OUTBOX_PUBLISH_RETRY: ./)
  publisher.failWith(undefined)
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(outbox.lease.lastError).toMatch(/^OUTBOX_PUBLISH_RETRY: ./)
})
