import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { expect, test } from 'vitest'
import { createRelay } from '@outboxkit/relay'

test('publishes rows in order and deletes them', async () => {
  const outbox = new MemoryOutbox()
  for (let i = 0; i < 1_000; i++) outbox.insert({ aggregateId: String(i % 7) })
  const publisher = memoryPublisher()
  await using relay = createRelay({ source: memorySource(outbox), publisher })
  await relay.start()
  expect(relay.state).toBe('owner')
  const messages = await publisher.waitFor(1_000)
  expect(messages.map(({ event }) => event.position)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1))
  await relay.stop()
  expect(outbox.rows.size).toBe(0)
  expect(outbox.lease.owner).toBeNull()
  expect(relay.metrics()).toMatchObject({ published: 1_000, settled: 1_000, faults: 0 })
})
