import type { Source } from '@outboxkit/relay'
import { expect, it } from 'vitest'
import { opened, pause, type OutboxWriter, type SourceTuning, type CurrentTest } from './source-harness.js'

const keys = 4
const writers = 8

/** What the writers have committed, and what a reader has made of it. */
class Ledger {
  readonly committed: string[] = []
  readonly delivered: string[] = []
  readonly #counters = new Map<string, number>()
  late = 0

  /** The next number of a key; under its lock. */
  next(key: string): number {
    return (this.#counters.get(key) ?? 0) + 1
  }

  commit(key: string, counter: number): void {
    this.#counters.set(key, counter)
    this.committed.push(`${key}/${counter}`)
  }

  /** Keys whose events did not come as 1, 2, 3 … */
  misordered(): string[] {
    const seen = new Map<string, number>()
    const bad = new Set<string>()
    for (const entry of this.delivered) {
      const [key = '', counter] = entry.split('/')
      if (Number(counter) !== (seen.get(key) ?? 0) + 1) bad.add(key)
      seen.set(key, Number(counter))
    }
    return [...bad]
  }
}

/** Row lock first, then emit; slow ones, rollbacks, two events at a time. `lcg` makes runs alike. */
async function write(writer: OutboxWriter, ledger: Ledger, seed: number, until: number): Promise<void> {
  let state = seed
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  while (performance.now() < until) {
    const key = `k${Math.floor(random() * keys)}`
    await writer.begin()
    // a number taken before the lock: the transaction has to wait with it
    if (random() < 0.1) await writer.insert({ key: null })
    await writer.lock(key)
    const counter = ledger.next(key)
    await writer.insert({ key, payload: JSON.stringify(counter) })
    if (random() < 0.2) await pause(random() * 120)
    if (random() < 0.15) await writer.rollback()
    else {
      // under the lock, so that nobody takes the same number
      ledger.commit(key, counter)
      await writer.commit()
    }
  }
}

async function consume(source: Source, ledger: Ledger, isOver: () => boolean): Promise<void> {
  const signal = new AbortController().signal
  for (let idle = 0; idle < 20;) {
    const { events, late } = await source.read(signal)
    ledger.late += late ?? 0
    for (const { aggregateId, payload } of events)
      if (aggregateId !== null) ledger.delivered.push(`${aggregateId}/${String(payload)}`)
    await source.settle({ done: events, held: [] })
    if (isOver() && events.length === 0) idle += 1
    await pause(3)
  }
}

async function soak(current: CurrentTest, ms: number, tuning: SourceTuning): Promise<Ledger> {
  const ledger = new Ledger()
  const source = await opened(current(), tuning)
  const until = performance.now() + ms
  const running = []
  for (let i = 0; i < writers; i++)
    running.push(write(await current().writer(), ledger, 17 + i * 7_919, until))
  let over = false
  const consumed = consume(source, ledger, () => over)
  await Promise.all(running)
  over = true
  await consumed
  return ledger
}

/** Many writers on few keys. */
export function sourceSoakTests(current: CurrentTest): void {
  it('loses nothing and keeps the order of each key under contended writers', async () => {
    const ledger = await soak(current, 4_000, { noteIntervalMs: 20, restAfterMs: 40, maxBatchEvents: 20 })
    expect(ledger.committed.length).toBeGreaterThan(100)
    expect(ledger.misordered()).toEqual([])
    expect([...ledger.delivered].sort()).toEqual([...ledger.committed].sort())
    expect(ledger.late).toBe(0)
    expect(await current().positions()).toEqual([])
  })

  it('the same load shows the fault of a plain cursor', async () => {
    const ledger = await soak(current, 2_000, { unsafeRule: 'none', sweepIntervalMs: 300 })
    expect(ledger.misordered()).not.toEqual([])
    expect(ledger.late).toBeGreaterThan(0)
  })
}
