import { OutboxError } from '@outboxkit/core'
import {
  MemoryOutbox,
  memoryPublisher,
  memorySource,
  type MemoryOperation,
  type MemorySourceOptions,
} from '@outboxkit/testing'
import { expect, test } from 'vitest'
import { createRelay, type FaultPoint, type Publisher } from '@outboxkit/relay'
import { eventsOf, quick, setUp, sleep, until } from './support.js'

const never = new Promise<never>(() => undefined)

/** Fails the named operation while `failing.is` says so. */
function failing(
  operation: MemoryOperation,
  error: Error = new Error('down'),
): {
  is: boolean
  intercept: NonNullable<MemorySourceOptions['intercept']>
} {
  const state = {
    is: true,
    intercept: (of: MemoryOperation, moment: 'before' | 'after'): void => {
      if (state.is && of === operation && moment === 'before') throw error
    },
  }
  return state
}

test.each(['look', 'acquire', 'open', 'heldScopes', 'read', 'settle'] as const)(
  'goes on by itself when %s fails for a while',
  async (operation) => {
    const fault = failing(operation)
    const { outbox, publisher, relay, seen } = setUp({}, { source: fault })
    for (let i = 0; i < 5; i++) outbox.insert()
    await relay.start()
    await until(() => eventsOf(seen, 'fault').length >= 3)
    fault.is = false
    await until(() => outbox.rows.size === 0)
    await relay.stop()
    expect(new Set(publisher.messages().map(({ event }) => event.position)).size).toBe(5)
    expect(eventsOf(seen, 'fault')[0]).toMatchObject({
      error: { code: 'OUTBOX_SOURCE_FAILED', message: 'down' },
    })
  },
)

test('start() rejects for what no retry cures, and closes everything', async () => {
  const error = new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', 'the sequence caches')
  const { outbox, relay } = setUp({}, { source: failing('open', error) })
  await expect(relay.start()).rejects.toBe(error)
  await expect(relay.finished).rejects.toBe(error)
  expect(relay.state).toBe('halted')
  expect(outbox.lease.owner).toBeNull()
})

test('a source that becomes unsupported later is a fault like any other', async () => {
  const fault = failing('open', new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', 'the sequence caches'))
  fault.is = false
  const { outbox, relay, seen } = setUp({}, { source: fault })
  await relay.start()
  fault.is = true
  outbox.fingerprint = 'another'
  await until(() => eventsOf(seen, 'fault').length > 3)
  fault.is = false
  const row = outbox.insert()
  await until(() => !outbox.rows.has(row.position))
  expect(relay.state).toBe('owner')
  await relay.stop()
})

test('another server behind the same connection is treated like a reconnect', async () => {
  const { outbox, relay, seen } = setUp()
  await relay.start()
  await until(() => relay.metrics().reads > 0)
  outbox.fingerprint = 'another'
  await until(() => eventsOf(seen, 'owner').length === 2)
  await relay.stop()
  expect(eventsOf(seen, 'fault')[0]?.error.details).toEqual({ from: 'memory-1', to: 'another' })
  expect(relay.metrics().fingerprintChanges).toBeGreaterThan(0)
})

test('a standby takes over at once after a clean stop', async () => {
  const outbox = new MemoryOutbox()
  const long = { lease: { termMs: 60_000 } }
  const first = setUp(long, { outbox })
  const second = setUp(long, { outbox })
  await first.relay.start()
  await second.relay.start()
  expect([first.relay.state, second.relay.state]).toEqual(['owner', 'standby'])
  await first.relay.stop()
  const startedAt = performance.now()
  await until(() => second.relay.state === 'owner')
  expect(performance.now() - startedAt).toBeLessThan(500)
  expect(eventsOf(second.seen, 'owner')).toEqual([{ epoch: 2, unclean: false }])
  await second.relay.stop()
})

test.each([
  ['the clock of the database says that it has expired', 300],
  ['it has not changed for a term, whatever the clock of the database says', Infinity],
])('a standby takes over from a dead owner when %s', async (_, expiresInMs) => {
  const outbox = new MemoryOutbox()
  Object.assign(outbox.lease, { owner: 'dead', epoch: 7, expiresAt: Date.now() + expiresInMs })
  const { relay, seen } = setUp({}, { outbox })
  const startedAt = performance.now()
  await relay.start()
  expect(relay.state).toBe('standby')
  await until(() => relay.state === 'owner')
  const afterMs = performance.now() - startedAt
  expect(afterMs).toBeGreaterThan(250)
  expect(afterMs).toBeLessThan(600)
  expect(eventsOf(seen, 'owner')).toEqual([{ epoch: 8, unclean: true }])
  await relay.stop()
})

test('an owner that renews is not taken over', async () => {
  const outbox = new MemoryOutbox()
  const first = setUp({ lease: { termMs: 120 } }, { outbox })
  const second = setUp({ lease: { termMs: 120 } }, { outbox })
  await first.relay.start()
  await second.relay.start()
  await sleep(400)
  expect([first.relay.state, second.relay.state]).toEqual(['owner', 'standby'])
  expect(first.relay.metrics().renewals).toBeGreaterThan(5)
  await Promise.all([first.relay.stop(), second.relay.stop()])
})

test('an owner whose lease was taken publishes nothing more and stands by', async () => {
  const { outbox, publisher, relay, seen } = setUp()
  await relay.start()
  Object.assign(outbox.lease, { owner: 'thief', epoch: 9, expiresAt: Infinity })
  await until(() => eventsOf(seen, 'standby').length === 1)
  outbox.insert()
  await sleep(50)
  expect(publisher.messages()).toHaveLength(0)
  expect(relay.metrics().leasesLost).toBe(1)
  await relay.stop()
})

test.each(['before-send', 'after-ack', 'during-settle'] as const)(
  'a process that was paused %s past its lease stops in time',
  async (pausedAt) => {
    let skippedMs = 0
    let paused = false
    const atPoint = (point: FaultPoint): void => {
      if (point !== pausedAt || paused) return
      paused = true
      skippedMs += 10_000
    }
    const { outbox, publisher, relay, seen } = setUp({
      internal: { ...quick.internal, now: () => performance.now() + skippedMs, onPoint: atPoint },
    })
    outbox.insert()
    await relay.start()
    await until(() => eventsOf(seen, 'fault').length > 0)
    const { error } = eventsOf(seen, 'fault')[0] as { error: OutboxError }
    expect(error.code).toBe('OUTBOX_LEASE_LOST')
    await until(() => outbox.rows.size === 0)
    await relay.stop()
    // Sent before the pause and not settled: sent again. Not sent yet: not sent under the old lease.
    expect(publisher.messages()).toHaveLength(pausedAt === 'after-ack' ? 2 : 1)
  },
)

test('a settlement that had to wait past the lease is not even tried', async () => {
  let skippedMs = 0
  let tried = 0
  let phase: 'before' | 'paused' | 'after' = 'before'
  const intercept = async (operation: MemoryOperation, moment: 'before' | 'after'): Promise<void> => {
    if (operation === 'readHeld' && moment === 'after' && phase === 'before') {
      // Settlements queue up behind this look at a held topic.
      await sleep(20)
      phase = 'paused'
      skippedMs = 10_000
    }
    if (operation === 'acquire' && phase === 'paused') phase = 'after'
    if (operation === 'settle' && moment === 'before' && phase === 'paused') tried++
  }
  const publisher = memoryPublisher({ fail: (_, topic) => (topic === 'dead' ? 'retry' : undefined) })
  const { outbox, relay } = setUp(
    { internal: { ...quick.internal, now: () => performance.now() + skippedMs } },
    { publisher, source: { intercept } },
  )
  const load = setInterval(() => {
    for (const topic of ['dead', 'alive']) outbox.insert({ topic })
  }, 1)
  await relay.start()
  await until(() => phase === 'after').finally(() => clearInterval(load))
  expect(tried).toBe(0)
  await relay.stop()
})

test('a publisher that throws or answers too little loses nothing', async () => {
  const memory = memoryPublisher()
  let calls = 0
  const publisher: Publisher = {
    name: 'odd',
    topicOf: () => {
      throw new Error('no topic')
    },
    close: () => Promise.resolve(),
    publish: async (events, options) => {
      calls++
      if (calls === 1) throw new Error('odd')
      if (calls === 2) return []
      return memory.publish(events, options)
    },
  }
  const { outbox, relay, seen } = setUp({ publisher })
  for (let i = 0; i < 3; i++) outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  expect(outbox.held.size).toBe(0)
  expect(memory.messages().map(({ event }) => event.position)).toEqual([1, 2, 3])
  expect(eventsOf(seen, 'fault').map(({ error }) => error.message)).toEqual([
    'Publisher odd failed: odd',
    'Publisher odd gave no answer for this event.',
  ])
})

test('stop waits for what is in flight and settles it', async () => {
  const { outbox, publisher, relay } = setUp({}, { publisher: memoryPublisher({ delayMs: 40 }) })
  outbox.insert()
  await relay.start()
  await sleep(15)
  await relay.stop()
  expect(publisher.messages()).toHaveLength(1)
  expect(outbox.rows.size).toBe(0)
  expect(relay.state).toBe('stopped')
  await relay.finished
})

test('stop is bounded when the publisher hangs, and then does not hand the lease over', async () => {
  const hanging: Publisher = {
    name: 'hanging',
    topicOf: () => 't',
    publish: () => never,
    close: () => Promise.resolve(),
  }
  const { outbox, relay } = setUp({ publisher: hanging, stopTimeoutMs: 50, lease: { termMs: 20_000 } })
  outbox.insert()
  await relay.start()
  await sleep(15)
  const startedAt = performance.now()
  await relay.stop()
  expect(performance.now() - startedAt).toBeLessThan(4_000)
  expect(outbox.lease.owner).not.toBeNull()
  expect(outbox.rows.size).toBe(1)
})

test('stop is harmless twice, before start, during start and in standby', async () => {
  const idle = setUp().relay
  await idle.stop()
  await expect(idle.start()).rejects.toMatchObject({ code: 'OUTBOX_RELAY_STATE' })

  const starting = setUp().relay
  const started = starting.start()
  await Promise.all([starting.stop(), starting.stop(), started])
  expect(starting.state).toBe('stopped')

  const outbox = new MemoryOutbox()
  Object.assign(outbox.lease, { owner: 'other', epoch: 1, expiresAt: Infinity })
  const standby = setUp({ lease: { termMs: 60_000 } }, { outbox }).relay
  await standby.start()
  await standby.stop()
  expect(outbox.lease.owner).toBe('other')
})

test('an abort signal stops the relay; an aborted one does not start it', async () => {
  const controller = new AbortController()
  const { relay, outbox } = setUp({ signal: controller.signal })
  await relay.start()
  controller.abort()
  await relay.finished
  expect(relay.state).toBe('stopped')
  expect(outbox.lease.owner).toBeNull()
  await expect(setUp({ signal: controller.signal }).relay.start()).rejects.toThrow('aborted')
})

test('start twice is refused', async () => {
  const { relay } = setUp()
  await relay.start()
  await expect(relay.start()).rejects.toMatchObject({ code: 'OUTBOX_RELAY_STATE' })
  await expect(relay.drain()).rejects.toMatchObject({ code: 'OUTBOX_RELAY_STATE' })
  await relay.stop()
})

test('drain publishes what is there, hands the lease over, and can be repeated', async () => {
  const { outbox, relay } = setUp()
  for (let i = 0; i < 1_200; i++) outbox.insert()
  expect(await relay.drain()).toEqual({
    acquired: true,
    complete: true,
    published: 1_200,
    held: 0,
    skipped: 0,
  })
  expect(outbox.lease.owner).toBeNull()
  outbox.insert()
  expect(await relay.drain()).toMatchObject({ complete: true, published: 1 })
  expect(relay.state).toBe('idle')
  await relay.stop()
})

test('drain keeps its bounds', async () => {
  const { outbox, relay, publisher } = setUp()
  for (let i = 0; i < 100; i++) outbox.insert()
  expect(await relay.drain({ maxEvents: 30 })).toMatchObject({ complete: false, published: 30 })
  expect(outbox.rows.size).toBe(70)
  publisher.failWith(() => 'retry')
  const startedAt = performance.now()
  expect(await relay.drain({ deadlineMs: 60 })).toMatchObject({
    acquired: true,
    complete: false,
    published: 0,
  })
  expect(performance.now() - startedAt).toBeLessThan(500)
  Object.assign(outbox.lease, { owner: 'other', epoch: 90, expiresAt: Infinity })
  expect(await relay.drain({ deadlineMs: 30 })).toMatchObject({ acquired: false, complete: false })
  await relay.stop()
})

test('memory is bounded while nothing can be published', async () => {
  const publisher = memoryPublisher({ fail: () => 'retry' })
  const { outbox, relay } = setUp(
    { publisher, maxInFlightEvents: 100, holdAfterMs: 3_600_000 },
    { source: { batchEvents: 10 } },
  )
  for (let i = 0; i < 1_000; i++) outbox.insert({ payload: 'x'.repeat(100) })
  await relay.start()
  await sleep(60)
  expect(relay.metrics().inFlightEvents).toBe(100)
  await relay.stop()
})

test('bytes bound the memory as well', async () => {
  const publisher = memoryPublisher({ fail: () => 'retry' })
  const { outbox, relay } = setUp(
    { publisher, maxInFlightBytes: 10_000, holdAfterMs: 3_600_000 },
    { source: { batchEvents: 1 } },
  )
  for (let i = 0; i < 100; i++) outbox.insert({ payload: 'x'.repeat(1_000) })
  await relay.start()
  await sleep(60)
  expect(relay.metrics().inFlightBytes).toBeLessThan(12_000)
  expect(relay.metrics().inFlightBytes).toBeGreaterThan(9_000)
  await relay.stop()
})

test('reads ahead while a call is in flight, and settles while the next one is', async () => {
  const log: string[] = []
  const source: MemorySourceOptions = {
    batchEvents: 10,
    intercept: async (operation, moment) => {
      if (operation !== 'read' && operation !== 'settle') return
      log.push(`${operation} ${moment}`)
      if (operation === 'settle' && moment === 'before') await sleep(10)
    },
  }
  const memory = memoryPublisher({ delayMs: 20 })
  const publisher: Publisher = {
    ...memory,
    publish: async (...call) => {
      log.push('publish before')
      return memory.publish(...call).finally(() => log.push('publish after'))
    },
  }
  const { outbox, relay } = setUp({ publisher }, { source })
  for (let i = 0; i < 40; i++) outbox.insert()
  await relay.start()
  await until(() => outbox.rows.size === 0)
  await relay.stop()
  const inFlight = log.slice(log.indexOf('publish before'), log.indexOf('publish after'))
  expect(inFlight).toContain('read after')
  const untilSettled = log.slice(0, log.indexOf('settle after'))
  const count = (entry: string): number => untilSettled.filter((one) => one === entry).length
  expect(count('publish before') - count('publish after')).toBe(1)
})

test('await using stops the relay', async () => {
  const outbox = new MemoryOutbox()
  {
    await using relay = createRelay({ ...quick, source: memorySource(outbox), publisher: memoryPublisher() })
    await relay.start()
    expect(outbox.lease.owner).not.toBeNull()
  }
  expect(outbox.lease.owner).toBeNull()
})
