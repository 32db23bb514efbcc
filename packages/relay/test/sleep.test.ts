import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { createRelay, type Relay, type RelayOptions, type Source } from '@outboxkit/relay'
import { afterEach, expect, test } from 'vitest'
import { eventsOf, quick, setUp, sleep, until } from './support.js'

let relays: Relay[] = []
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()))
  relays = []
})

const idle = { sleepAfterMs: 40, wakeEveryMs: 60_000 }

function sleeper(options: Partial<RelayOptions> = {}): ReturnType<typeof setUp> {
  const made = setUp({ idle, ...options })
  relays.push(made.relay)
  return made
}

const row = { aggregateType: 'order', aggregateId: '1', type: 'order.placed', payload: '{}' }

test('goes to sleep when nothing comes, with the lease given back', async () => {
  const { outbox, relay, seen } = sleeper()
  outbox.insert(row)
  await relay.start()
  await until(() => relay.state === 'asleep')
  expect(relay.metrics()).toMatchObject({ published: 1, settled: 1, sleeps: 1, owner: 0, faults: 0 })
  expect(eventsOf(seen, 'asleep')).toEqual([{ wakeInMs: 60_000 }])
})

test('asks nothing of the source while it sleeps', async () => {
  const outbox = new MemoryOutbox()
  let calls = 0
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key, object)
        if (key === 'leases') return counted(value as object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          calls += 1
          return Reflect.apply(value, object, args)
        }
      },
    })
  const source: Source = counted(memorySource(outbox))
  const relay = createRelay({ source, publisher: memoryPublisher(), ...quick, idle })
  relays.push(relay)
  await relay.start()
  await until(() => relay.state === 'asleep')
  await sleep(5)
  const before = calls
  await sleep(100)
  expect(calls).toBe(before)
})

test('is woken, publishes, and sleeps again', async () => {
  const { outbox, publisher, relay } = sleeper()
  await relay.start()
  await until(() => relay.state === 'asleep')
  outbox.insert(row)
  await sleep(50)
  expect(publisher.messages()).toHaveLength(0)
  relay.wake()
  await until(() => publisher.messages().length === 1)
  await until(() => relay.metrics().sleeps === 2)
})

test('wakes by itself now and then', async () => {
  const { outbox, publisher, relay } = sleeper({ idle: { sleepAfterMs: 20, wakeEveryMs: 30 } })
  await relay.start()
  await until(() => relay.state === 'asleep')
  outbox.insert(row)
  await until(() => publisher.messages().length === 1)
  expect(relay.metrics().sleeps).toBeGreaterThan(0)
})

test('a call that comes while it falls asleep is not lost', async () => {
  const { outbox, publisher, relay } = sleeper({ idle: { sleepAfterMs: 1, wakeEveryMs: 60_000 } })
  await relay.start()
  for (let round = 1; round <= 100; round++) {
    outbox.insert(row)
    relay.wake()
    await until(() => publisher.messages().length === round)
    await sleep(Math.random() * 6)
  }
  expect(relay.metrics()).toMatchObject({ published: 100, faults: 0 })
})

test('does not sleep while a topic fails', async () => {
  const { outbox, publisher, relay } = sleeper({ holdAfterMs: 5 })
  publisher.failWith(() => 'retry')
  await relay.start()
  outbox.insert(row)
  await sleep(200)
  expect(relay.state).toBe('owner')
  publisher.failWith(undefined)
  await until(() => relay.state === 'asleep')
  expect(publisher.messages()).toHaveLength(1)
})

test('stops at once while it sleeps', async () => {
  const { relay } = sleeper()
  await relay.start()
  await until(() => relay.state === 'asleep')
  const startedAt = performance.now()
  await relay.stop()
  expect(performance.now() - startedAt).toBeLessThan(200)
  expect(relay.state).toBe('stopped')
})

test('another relay of the same table can take over from one that sleeps', async () => {
  const { outbox, publisher, relay } = sleeper()
  await relay.start()
  await until(() => relay.state === 'asleep')
  const other = setUp({}, { outbox, publisher })
  relays.push(other.relay)
  await other.relay.start()
  outbox.insert(row)
  await until(() => publisher.messages().length === 1)
  expect(eventsOf(other.seen, 'owner')).toMatchObject([{ unclean: false }])
})

test.each([{ sleepAfterMs: 0 }, { sleepAfterMs: NaN }, { wakeEveryMs: 0 }, { sleepAfter: 5 }])(
  'refuses %o',
  (wrong) => {
    expect(() => setUp({ idle: wrong as RelayOptions['idle'] })).toThrow(/idle/)
  },
)
