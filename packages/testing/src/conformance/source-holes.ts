import { expect, it } from 'vitest'
import {
  opened,
  pause,
  read,
  readFor,
  readUntil,
  readUntilHoles,
  type CurrentTest,
} from './source-harness.js'

/** Positions that become visible late, or never. */
export function sourceHoleTests(current: CurrentTest): void {
  it('delivers a lower position that commits after a higher one', async () => {
    const [slow, fast] = [await current().writer(), await current().writer()]
    const source = await opened(current())
    await slow.begin()
    const low = await slow.insert()
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await slow.commit()
    expect(await read(source)).toEqual([low])
    expect(await read(source)).toEqual([])
  })

  it('delivers a late row before the successor that waited for its lock', async () => {
    const [slow, next, other] = [await current().writer(), await current().writer(), await current().writer()]
    const source = await opened(current(), { noteIntervalMs: 10, restAfterMs: 50 })
    await slow.begin()
    await slow.lock('a')
    const low = await slow.insert({ key: 'a' })
    await next.begin()
    const waiting = next.lock('a')
    const passed = await other.insert({ key: 'b' })
    // the holes of the slow transaction are noted, and rest, while it runs on
    expect(await readFor(source, 300)).toEqual([passed])
    await slow.commit()
    await waiting
    const successor = await next.insert({ key: 'a' })
    await next.commit()
    expect(await read(source)).toEqual([low, successor])
  })

  it('does not take a row for dead that was begun after the last note (the three steps)', async () => {
    const [late, passing] = [await current().writer(), await current().writer()]
    // step 1: the note, taken by open()
    const source = await opened(current(), { noteIntervalMs: 10 })
    // step 2: a transaction takes a number, another one passes it, a read sees the hole
    await late.begin()
    const low = await late.insert()
    const high = await passing.insert()
    expect(await read(source)).toEqual([high])
    // step 3: all that were noted in step 1 have ended
    expect(await readFor(source, 100)).toEqual([])
    await late.commit()
    expect(await read(source)).toEqual([low])
  })

  it('lets the positions of rolled back rows die, and nothing else', async () => {
    const [gone, alive, fast] = [await current().writer(), await current().writer(), await current().writer()]
    const source = await opened(current(), { noteIntervalMs: 10, restAfterMs: 20 })
    await gone.begin()
    await gone.insert()
    await alive.begin()
    const low = await alive.insert()
    await gone.insert()
    await fast.insert()
    expect((await read(source)).length).toBe(1)
    expect(current().openHoles(source)).toBe(3)
    await gone.rollback()
    expect(await readFor(source, 100)).toEqual([])
    await alive.commit()
    expect(await read(source)).toEqual([low])
    await readUntilHoles(current(), source, 0)
  })

  it('leaves no hole behind a start at a high position', async () => {
    const writer = await current().writer()
    await writer.begin()
    for (let i = 0; i < 100; i++) await writer.insert()
    await writer.rollback()
    const position = await writer.insert()
    const source = await opened(current())
    expect(await read(source)).toEqual([position])
    expect(current().openHoles(source)).toBe(0)
  })

  it('finds what a transaction that ran at the start brings later', async () => {
    const [slow, fast] = [await current().writer(), await current().writer()]
    await slow.begin()
    const low = [await slow.insert()]
    await fast.begin()
    for (let i = 0; i < 50; i++) await fast.insert()
    await fast.rollback()
    low.push(await slow.insert())
    const high = await fast.insert()
    const source = await opened(current(), { noteIntervalMs: 10, restAfterMs: 20 })
    expect(await readFor(source, 200)).toEqual([high])
    await slow.commit()
    expect(await read(source)).toEqual(low)
  })

  it('proves nothing above the last row of a truncated read', async () => {
    const slow = [await current().writer(), await current().writer()] as const
    const fast = await current().writer()
    const source = await opened(current(), { maxBatchEvents: 2, noteIntervalMs: 10 })
    for (const writer of slow) await writer.begin()
    const first = [await slow[0].insert(), await slow[0].insert(), await slow[0].insert()]
    const passed = await fast.insert()
    const second = await slow[1].insert()
    const last = await fast.insert()
    expect(await read(source)).toEqual([passed, last])
    await readFor(source, 100)
    await slow[1].commit()
    await slow[0].commit()
    const more = await fast.insert()
    const expected = [...first, second, more]
    expect(await readUntil(source, ({ length }) => length >= expected.length)).toEqual(expected)
  })

  it('does not deliver again what is in flight or was just settled, however often it sweeps', async () => {
    const writer = await current().writer()
    const source = await opened(current(), { sweepIntervalMs: 0 })
    const seen: number[] = []
    const signal = new AbortController().signal
    for (let round = 0; round < 50; round++) {
      await writer.insert()
      const batch = await source.read(signal)
      expect(batch.late ?? 0).toBe(0)
      seen.push(...batch.events.map(({ position }) => position))
      // settled while the next read sweeps
      const settled = source.settle({ done: batch.events, held: [] })
      seen.push(...(await read(source)))
      await settled
    }
    expect(seen).toEqual([...new Set(seen)])
    expect(seen.length).toBe(50)
  })

  it('leaves to the next read, and does not call late, what a hole has brought when it sweeps', async () => {
    const [slow, fast] = [await current().writer(), await current().writer()]
    const source = await opened(current(), { sweepIntervalMs: 0 })
    expect(await read(source)).toEqual([])
    await slow.begin()
    const low = await slow.insert()
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await slow.commit()
    const { events, late } = await source.read(new AbortController().signal)
    expect(events.map(({ position }) => position)).toEqual([low])
    expect(late ?? 0).toBe(0)
  })

  it('finds by the sweep, and says so, what a wrong rule leaves behind', async () => {
    const warnings: string[] = []
    const [slow, fast] = [await current().writer(), await current().writer()]
    const onWarning = (message: string): void => void warnings.push(message)
    const source = await opened(current(), { unsafeRule: 'none', sweepIntervalMs: 100, onWarning })
    await slow.begin()
    const low = await slow.insert()
    const high = await fast.insert()
    expect(await read(source)).toEqual([high])
    await slow.commit()
    const signal = new AbortController().signal
    let late = 0
    let found: number[] = []
    for (let i = 0; i < 100 && found.length === 0; i++) {
      const batch = await source.read(signal)
      late += batch.late ?? 0
      found = batch.events.map(({ position }) => position)
      await pause(10)
    }
    expect({ found, late }).toEqual({ found: [low], late: 1 })
    expect(warnings.join()).toContain('sweep')
  })

  it.each(['none', 'age'] as const)('the wrong rule `%s` leaves a late row behind', async (unsafeRule) => {
    const [slow, fast] = [await current().writer(), await current().writer()]
    const source = await opened(current(), { unsafeRule, ageMs: 50 })
    await slow.begin()
    await slow.insert()
    const high = await fast.insert()
    expect(await readFor(source, 200)).toEqual([high])
    await slow.commit()
    expect(await readFor(source, 100)).toEqual([])
  })
}
