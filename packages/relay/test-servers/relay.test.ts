import { createRelay, type FaultPoint, type Relay, type RelayOptions } from '@outboxkit/relay'
import { emittedEvents, memoryPublisher, type MemoryPublisher } from '@outboxkit/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventsOf, sleep, until } from '../test/support.js'
import { insertRows, stages, type Stage } from './stages.js'

let stage: Stage
let publisher: MemoryPublisher
let relays: Relay[]

/** A relay whose connections the test can end. */
function makeRelay(name: string, options: Partial<RelayOptions> = {}): Relay & { seen: Seen } {
  const relay = createRelay({
    source: stage.source(name),
    publisher,
    lease: { termMs: 2_000 },
    retry: { minMs: 10, maxMs: 200 },
    ...options,
  })
  const seen: Seen = []
  for (const event of ['owner', 'standby', 'fault'] as const)
    relay.on(event, (value) => void seen.push({ name: event, event: value }))
  relays.push(relay)
  return Object.assign(relay, { seen })
}
type Seen = { name: 'owner' | 'standby' | 'fault'; event: unknown }[]

async function emit(count: number, key = 'a'): Promise<void> {
  for (let done = 0; done < count; done += 1_000)
    await insertRows(stage, Array(Math.min(1_000, count - done)).fill({ key }))
}

async function rows(): Promise<number> {
  const [row] = await stage.query('select count(*) as n from outbox')
  return Number(row?.['n'])
}

async function untilEmpty(): Promise<void> {
  const startedAt = performance.now()
  while ((await rows()) > 0) {
    if (performance.now() - startedAt > 40_000) throw new Error(`${await rows()} rows are left`)
    await sleep(10)
  }
}

const firstPositions = (): number[] => [...new Set(publisher.messages().map(({ event }) => event.position))]

describe.each(stages)('a relay on $name', ({ open, dialect }) => {
  beforeEach(async () => {
    stage = await open()
    await stage.createTables()
    publisher = memoryPublisher()
    relays = []
  })

  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()))
    await stage.drop()
  })

  test('publishes in order and deletes what is published', async () => {
    await emit(5_000)
    const relay = makeRelay('one')
    await relay.start()
    await untilEmpty()
    await relay.stop()
    expect(publisher.messages()).toHaveLength(5_000)
    expect(firstPositions()).toEqual(firstPositions().toSorted((a, b) => a - b))
    expect(relay.metrics()).toMatchObject({ published: 5_000, settled: 5_000, faults: 0, late: 0 })
  })

  test('keeps its lease where the text of its last error does not fit', async () => {
    await stage.query(
      dialect === 'postgres'
        ? 'alter table outbox_lease alter column last_error type varchar(10)'
        : 'alter table outbox_lease modify column last_error varchar(10)',
    )
    const termMs = 900
    const relay = makeRelay('one', { lease: { termMs }, holdAfterMs: 60_000 })
    const next = makeRelay('two', { lease: { termMs: 60_000 } })
    publisher.failWith(() => 'retry')
    await emit(10)
    await relay.start()
    await until(() => relay.seen.some(({ event }) => (event as { phase?: string }).phase === 'renew'))
    await sleep(3 * termMs)
    expect(relay.metrics()).toMatchObject({ acquisitions: 1, leasesLost: 0, owner: 1 })
    // It still has something to store when it stops, and hands over at once all the same.
    await relay.stop()
    publisher.failWith(undefined)
    await next.start()
    await untilEmpty()
    expect(eventsOf(next.seen, 'owner')).toEqual([{ epoch: 2, unclean: false }])
    expect(firstPositions()).toHaveLength(10)
  })

  test('a clean stop hands over at once', async () => {
    const first = makeRelay('first', { lease: { termMs: 60_000 } })
    const second = makeRelay('second', { lease: { termMs: 60_000 } })
    await first.start()
    await second.start()
    expect([first.state, second.state]).toEqual(['owner', 'standby'])
    await emit(10)
    await untilEmpty()
    await first.stop()
    const startedAt = performance.now()
    await until(() => second.state === 'owner')
    // A third of the term, and less than that: nothing has expired.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    expect(eventsOf(second.seen, 'owner')).toEqual([{ epoch: 2, unclean: false }])
    await emit(10)
    await untilEmpty()
    expect(publisher.messages()).toHaveLength(20)
  })

  test('a standby takes over from an owner that has vanished', async () => {
    const first = makeRelay('first', {
      internal: {
        onPoint: (point: FaultPoint) => (point === 'after-ack' ? new Promise(() => undefined) : undefined),
      },
      stopTimeoutMs: 0,
    })
    await emit(100)
    await first.start()
    await until(() => publisher.messages().length === 100)
    // As if it had died after the acknowledgement: it holds the lease, and its renewals no longer arrive.
    await stage.query("update outbox_lease set owner = 'vanished'")
    const second = makeRelay('second')
    await second.start()
    expect(second.state).toBe('standby')
    await untilEmpty()
    expect(eventsOf(second.seen, 'owner')).toEqual([{ epoch: 2, unclean: true }])
    expect(firstPositions()).toHaveLength(100)
  })

  test('a connection killed while idle is replaced', async () => {
    const relay = makeRelay('one')
    await relay.start()
    await emit(1)
    await untilEmpty()
    expect(await stage.killConnections('one')).toBeGreaterThan(0)
    await emit(50)
    await untilEmpty()
    expect(firstPositions()).toHaveLength(51)
  })

  test('connections killed again and again while reading and settling cost nothing', async () => {
    let kills = 0
    const relay = makeRelay('one', {
      internal: {
        onPoint: async (point) => {
          if (point !== 'during-settle' || kills >= 5) return
          kills++
          await stage.killConnections('one')
        },
      },
    })
    await relay.start()
    let emitted = 0
    // On a fast machine a few settlements take all of it: go on until each kill has had one to meet.
    for (let round = 0; round < 20 || kills < 5; round++) {
      await emit(500, `key ${round % 4}`)
      emitted += 500
      if (round % 3 === 0) await stage.killConnections('one')
      if (round >= 20) await untilEmpty()
    }
    await untilEmpty()
    await relay.stop()
    expect(firstPositions()).toEqual(Array.from({ length: emitted }, (_, index) => index + 1))
    expect(relay.metrics().faults).toBeGreaterThan(0)
  })

  test('a table that is dropped and comes back', async () => {
    const relay = makeRelay('one')
    await relay.start()
    await emit(3)
    await untilEmpty()
    await stage.query('drop table outbox, outbox_lease, outbox_held')
    await until(() => eventsOf(relay.seen, 'fault').length > 2)
    expect(eventsOf(relay.seen, 'fault').at(-1)?.error.message).toMatch(/outbox/)
    await stage.createTables()
    await emit(7)
    await untilEmpty()
    expect(publisher.messages()).toHaveLength(10)
  })

  test('a topic that fails is held, and drained when it works again', async () => {
    publisher.failWith((_, topic) => (topic === 'dead' ? 'retry' : undefined))
    const relay = makeRelay('one', { holdAfterMs: 100 })
    await relay.start()
    await emit(20)
    const topicOf = (n: number): string | null => (n % 2 === 0 ? 'dead' : null)
    await insertRows(
      stage,
      Array.from({ length: 200 }, (_, n) => ({ key: 'a', topic: topicOf(n) })),
    )
    await untilEmpty()
    await until(() => relay.metrics().held === 100)
    publisher.failWith(undefined)
    await until(() => relay.metrics().lifted === 1)
    expect(await stage.query('select 1 from outbox_held')).toHaveLength(0)
    const order = publisher.messages('dead').map(({ event }) => event.position)
    expect(order).toHaveLength(100)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('a rejected row parks its key until a person discards it', async () => {
    publisher.failWith(({ position }) => (position === 2 ? 'reject' : undefined))
    const relay = makeRelay('one', { internal: { requestPollMs: 20 } })
    await relay.start()
    await emit(5)
    await untilEmpty()
    expect(firstPositions()).toEqual([1])
    await stage.query("update outbox_held set request = 'discard' where position = 2")
    await until(() => relay.metrics().lifted === 1)
    expect(firstPositions()).toEqual([1, 3, 4, 5])
    expect(await stage.query('select 1 from outbox_held')).toHaveLength(0)
  })

  test('drain makes one pass', async () => {
    await emit(2_500)
    const relay = makeRelay('one')
    expect(await relay.drain()).toMatchObject({ acquired: true, complete: true, published: 2_500 })
    expect(await rows()).toBe(0)
  })

  test('start() refuses a table that cannot be read in order', async () => {
    await stage.spoil()
    await expect(makeRelay('one').start()).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_UNSUPPORTED' })
  })

  test('emittedEvents shows what is not published yet', async () => {
    const id = '0199c0de-0000-7000-8000-000000000001'
    await insertRows(stage, [{ id, key: null, payload: '"text"', headers: '{"tenant":"acme"}' }])
    await emit(1)
    expect(await emittedEvents((sql) => stage.query(sql), { dialect })).toEqual([
      {
        id,
        aggregateType: 'order',
        aggregateId: null,
        type: 'order.placed',
        payload: 'text',
        headers: { tenant: 'acme' },
        topic: null,
      },
      expect.objectContaining({ aggregateId: 'a', payload: {}, headers: {} }),
    ])
  })
})
