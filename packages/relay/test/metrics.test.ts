import { MemoryOutbox, memoryPublisher } from '@outboxkit/testing'
import { expect, it } from 'vitest'
import { Histogram } from '../src/histogram.js'
import { MomentReader } from '../src/moment.js'
import { setUp, sleep, until } from './support.js'

it('a histogram counts each value once, in the first range that it fits', () => {
  const histogram = new Histogram([1, 10])
  for (const value of [0, 1, 1.5, 10, 11, 1_000]) histogram.add(value)
  expect(histogram.snapshot()).toEqual({ bounds: [1, 10], counts: [2, 2, 2], sum: 1_023.5, count: 6 })
})

it('a snapshot does not change afterwards', () => {
  const histogram = new Histogram([1])
  const before = histogram.snapshot()
  histogram.add(1)
  expect(before).toMatchObject({ counts: [0, 0], count: 0 })
})

it('calls, batch sizes, settlements and the time from insert to acknowledgement are measured', async () => {
  const outbox = new MemoryOutbox()
  for (let n = 0; n < 30; n++) outbox.insert()
  await sleep(20)
  const { relay } = setUp({}, { outbox, publisher: memoryPublisher() })
  await relay.start()
  await until(() => relay.metrics().settled === 30)
  await relay.stop()
  const { publishMs, publishEvents, settleMs, lagMs } = relay.histograms()
  const { publishCalls, settles, publishMs: total } = relay.metrics()
  expect(publishMs).toMatchObject({ count: publishCalls, sum: total })
  expect(publishEvents).toMatchObject({ count: publishCalls, sum: 30 })
  expect(settleMs.count).toBe(settles)
  expect(lagMs.count).toBe(30)
  expect(lagMs.sum).toBeGreaterThanOrEqual(30 * 15)
})

it("the difference between the database's clock and ours is no lag", async () => {
  // Ten minutes ahead: without the correction every lag would be negative, and ten minutes behind they would be huge.
  for (const offsetMs of [600_000, -600_000]) {
    const outbox = new MemoryOutbox({ now: () => Date.now() + offsetMs })
    outbox.insert()
    const { relay } = setUp({}, { outbox })
    await relay.start()
    await until(() => relay.metrics().settled === 1)
    await relay.stop()
    expect(relay.histograms().lagMs.sum).toBeLessThan(60_000)
  }
})

it('a row whose time is no time has no lag', async () => {
  const outbox = new MemoryOutbox()
  outbox.insert({ createdAt: 'infinity' })
  const { relay } = setUp({}, { outbox })
  await relay.start()
  await until(() => relay.metrics().settled === 1)
  await relay.stop()
  expect(relay.histograms().lagMs.count).toBe(0)
})

it('turns grow while it runs, stands by and fails, and not after its end', async () => {
  const outbox = new MemoryOutbox()
  const first = setUp({}, { outbox })
  const second = setUp({}, { outbox })
  await first.relay.start()
  await second.relay.start()
  expect(second.relay.state).toBe('standby')
  for (const { relay } of [first, second]) {
    const before = relay.metrics().turns
    await until(() => relay.metrics().turns > before + 3)
  }
  await first.relay.stop()
  await second.relay.stop()
  const after = first.relay.metrics().turns
  await sleep(30)
  expect(first.relay.metrics().turns).toBe(after)
})

it('a moment is read as Date.parse reads it, whatever came before', () => {
  const reader = new MomentReader()
  for (const text of [
    '2026-11-24T23:51:35.391123Z',
    '2026-11-24T23:51:35.000999Z',
    '2026-11-24T23:51:36.500000Z',
    '2026-11-24T23:51:35.123Z',
    '2026-11-24T23:51:35Z',
    '2026-11-24T23:51:35.1Z',
    '2024-02-29T00:00:00.000000Z',
    '+010000-01-01T00:00:00.000000Z',
    'infinity',
    '',
    '2026-11-24T23:51:35.391123Z',
  ])
    expect(reader.read(text), text).toBe(Date.parse(text))
})
