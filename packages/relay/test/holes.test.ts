import { describe, expect, it } from 'vitest'
import { Holes, type Holders, type Snapshot } from '../src/holes.js'

const running = (...ids: number[]): Snapshot => ({ isRunning: (id) => ids.includes(id) })

const holders = (given: Partial<Holders> = {}): Holders => ({
  ids: [],
  nameless: [],
  idOf: new Map(),
  prepared: [],
  ...given,
})

/** A read of `positions` while `ids` run; the sequence stands at the last position unless said otherwise. */
const read = (
  positions: number[],
  ids: number[] = [],
  more: { truncated?: boolean; now?: number; lastValue?: number } = {},
) => ({
  positions,
  snapshot: running(...ids),
  truncated: more.truncated ?? false,
  lastValue: more.lastValue ?? Math.max(0, ...positions),
  now: more.now ?? 0,
})

describe('holes', () => {
  it('opens a hole for skipped positions and probes them', () => {
    const holes = new Holes()
    expect(holes.absorb(read([1, 2, 5]))).toBe(true)
    expect(holes.high).toBe(5)
    expect(holes.ranges).toMatchObject([{ lo: 3, hi: 4 }])
    expect(holes.probes()).toEqual({ singles: [3, 4], ranges: [] })
    expect([2, 3, 4, 5].map((position) => holes.covers(position))).toEqual([false, true, true, false])
  })

  it('probes a wide hole as a range', () => {
    const holes = new Holes()
    holes.absorb(read([1, 100]))
    expect(holes.probes()).toEqual({ singles: [], ranges: [expect.objectContaining({ lo: 2, hi: 99 })] })
  })

  it.each([
    ['at its start', [2], [{ lo: 3, hi: 5 }]],
    ['at its end', [5], [{ lo: 2, hi: 4 }]],
    [
      'in the middle',
      [3],
      [
        { lo: 2, hi: 2 },
        { lo: 4, hi: 5 },
      ],
    ],
    ['wholly', [2, 3, 4, 5], []],
  ])('splits a hole that is filled %s', (_, positions, expected) => {
    const holes = new Holes()
    holes.absorb(read([1, 6]))
    holes.absorb(read(positions))
    expect(holes.ranges.map(({ lo, hi }) => ({ lo, hi }))).toEqual(expected)
    expect(holes.count).toBe(4 - positions.length)
  })

  it('throws when a position comes twice', () => {
    const holes = new Holes()
    holes.absorb(read([1, 3]))
    expect(() => holes.absorb(read([1]))).toThrow('Position 1 is not a hole')
  })

  it('keeps a hole without a note for ever', () => {
    const holes = new Holes()
    holes.absorb(read([2]))
    for (let now = 0; now < 1e7; now += 1e6) holes.absorb(read([], [], { now }))
    expect(holes.count).toBe(1)
  })

  it('buries a hole when the snapshot of a later read says that all noted have ended', () => {
    const holes = new Holes()
    holes.absorb(read([2], [7]))
    holes.note(2, holders({ ids: [7, 8] }), 0)
    holes.absorb(read([], [7, 8]))
    expect(holes.count).toBe(1)
    holes.absorb(read([], [8]))
    expect(holes.count).toBe(1)
    holes.absorb(read([]))
    expect(holes.count).toBe(0)
  })

  it('does not bury what the closing read brings', () => {
    const holes = new Holes()
    holes.absorb(read([3], [7]))
    holes.note(3, holders({ ids: [7] }), 0)
    expect(holes.absorb(read([1]))).toBe(true)
    expect(holes.count).toBe(0)
    expect(holes.high).toBe(3)
  })

  it('buries with a note without holders at the next read, not at the note', () => {
    const holes = new Holes()
    holes.absorb(read([2]))
    holes.note(2, holders(), 0)
    expect(holes.count).toBe(1)
    holes.absorb(read([]))
    expect(holes.count).toBe(0)
  })

  it('shares a note among the holes found before it, and covers later ones below its last value', () => {
    const holes = new Holes()
    holes.absorb(read([2], [7], { lastValue: 6 }))
    holes.note(6, holders({ ids: [7] }), 0)
    holes.absorb(read([5, 9], [7]))
    // 1, 3, 4 and 6 wait for 7; 7 and 8 were handed out after the note
    expect(holes.wantsNote()).toBe(true)
    holes.absorb(read([]))
    expect(holes.ranges.map(({ lo, hi }) => ({ lo, hi }))).toEqual([{ lo: 7, hi: 8 }])
  })

  it('never takes a position above the last value for dead', () => {
    const holes = new Holes()
    // a row with an explicit position, far above the sequence
    holes.absorb(read([1000], [], { lastValue: 2 }))
    holes.note(2, holders(), 0)
    holes.absorb(read([], [], { lastValue: 2 }))
    expect(holes.ranges.map(({ lo, hi }) => ({ lo, hi }))).toEqual([{ lo: 3, hi: 999 }])
    expect(holes.wantsNote()).toBe(false)
    holes.absorb(read([3], [], { lastValue: 5 }))
    expect(holes.wantsNote()).toBe(true)
  })

  it('remembers the highest last value', () => {
    const holes = new Holes()
    holes.absorb(read([], [], { lastValue: 9 }))
    holes.absorb(read([], [], { lastValue: 3 }))
    expect(holes.lastValue).toBe(9)
  })
})

describe('start range', () => {
  it('is none when all noted before the first read have ended in it', () => {
    const holes = new Holes()
    holes.note(1_000_000, holders({ ids: [7] }), 0)
    holes.absorb(read([999_000], [], { lastValue: 1_000_000 }))
    expect(holes.count).toBe(0)
    expect(holes.high).toBe(1_000_000)
  })

  it('is none for an empty table', () => {
    const holes = new Holes()
    holes.note(1_000_000, holders(), 0)
    holes.absorb(read([], [], { lastValue: 1_000_000 }))
    expect(holes.high).toBe(1_000_000)
    expect(holes.probes()).toEqual({ singles: [], ranges: [] })
  })

  it('jumps ahead only when the read was complete', () => {
    const holes = new Holes()
    holes.note(1_000, holders(), 0)
    holes.absorb(read([10, 20], [], { truncated: true, lastValue: 1_000 }))
    expect(holes.high).toBe(20)
    expect(holes.count).toBe(0)
  })

  it('waits for a transaction that ran at the start, and rests at once because it is wide', () => {
    const holes = new Holes()
    holes.note(1_000, holders({ ids: [7] }), 0)
    holes.absorb(read([500], [7], { lastValue: 1_000 }))
    expect(holes.ranges.map(({ lo, hi }) => ({ lo, hi }))).toEqual([{ lo: 1, hi: 499 }])
    expect(holes.probes()).toEqual({ singles: [], ranges: [] })
    expect(holes.wantsNote()).toBe(false)
  })
})

describe('resting', () => {
  const rested = (): Holes => {
    const holes = new Holes({ restAfterMs: 1_000 })
    holes.absorb(read([1, 4], [7, 8]))
    holes.note(4, holders({ ids: [7, 8] }), 0)
    holes.absorb(read([], [7, 8], { now: 500 }))
    expect(holes.probes().singles).toEqual([2, 3])
    expect(holes.restingCount).toBe(0)
    holes.absorb(read([], [7, 8], { now: 1_001 }))
    expect(holes.probes().singles).toEqual([])
    expect(holes.restingCount).toBe(2)
    return holes
  }

  it('puts the rows aside when one has ended, and probes again', () => {
    const holes = rested()
    expect(holes.absorb(read([5], [8]))).toBe(false)
    expect(holes.high).toBe(4)
    expect(holes.probes().singles).toEqual([2, 3])
    expect(holes.absorb(read([2, 5], [8], { now: 1_002 }))).toBe(true)
    // 3 waits for 8 alone and rests again
    expect(holes.probes().singles).toEqual([])
    expect(holes.absorb(read([], []))).toBe(false)
    expect(holes.absorb(read([], []))).toBe(true)
    expect(holes.count).toBe(0)
  })

  it('goes on while all of them run', () => {
    const holes = rested()
    expect(holes.absorb(read([5], [7, 8], { now: 9_999 }))).toBe(true)
    expect(holes.probes().singles).toEqual([])
  })

  it('begins only after a read that has probed all holes of the note', () => {
    const holes = new Holes({ restAfterMs: 0 })
    holes.absorb(read([1, 3, 5], [7, 8]))
    holes.note(5, holders({ ids: [7, 8] }), 0)
    // 7 has ended and has brought 4, but the read was cut below it
    holes.absorb(read([2], [8], { truncated: true, now: 10 }))
    expect(holes.probes().singles).toEqual([4])
  })
})

describe('a truncated read', () => {
  it('proves nothing above its last row', () => {
    const holes = new Holes()
    holes.absorb(read([2, 4, 6], [7]))
    holes.note(6, holders({ ids: [7] }), 0)
    holes.absorb(read([3], [], { truncated: true }))
    expect(holes.ranges.map(({ lo }) => lo)).toEqual([5])
    holes.absorb(read([]))
    expect(holes.count).toBe(0)
  })

  it('proves nothing at all without a row', () => {
    const holes = new Holes()
    holes.absorb(read([2]))
    holes.note(2, holders(), 0)
    holes.absorb(read([], [], { truncated: true }))
    expect(holes.count).toBe(1)
  })
})

describe('holders without a transaction id', () => {
  const start = (): Holes => {
    const holes = new Holes()
    holes.absorb(read([2]))
    holes.note(2, holders({ nameless: ['3/1'] }), 0)
    return holes
  }

  it('are waited for until a look no longer lists them', () => {
    const holes = start()
    holes.absorb(read([]))
    expect(holes.count).toBe(1)
    expect(holes.wantsNote()).toBe(true)
    holes.note(2, holders(), 0)
    expect(holes.count).toBe(1)
    holes.absorb(read([]))
    expect(holes.count).toBe(0)
  })

  it('are waited for by id as soon as they have one', () => {
    const holes = start()
    holes.note(2, holders({ ids: [9], idOf: new Map([['3/1', 9]]) }), 0)
    expect(holes.wantsNote()).toBe(false)
    holes.absorb(read([], [9]))
    expect(holes.count).toBe(1)
    holes.absorb(read([1], []))
    expect(holes.count).toBe(0)
  })

  it('stay while they are listed without one', () => {
    const holes = start()
    holes.note(2, holders({ nameless: ['3/1', '4/2'] }), 0)
    holes.absorb(read([]))
    expect(holes.count).toBe(1)
  })

  it('are stood in for by transactions prepared since the look before', () => {
    const holes = new Holes()
    holes.note(0, holders({ ids: [5], prepared: [5] }), 0)
    holes.absorb(read([2], [5]))
    holes.note(2, holders({ ids: [5], prepared: [5], nameless: ['3/1'] }), 0)
    holes.note(2, holders({ ids: [5, 9], prepared: [5, 9] }), 0)
    holes.absorb(read([], [9]))
    expect(holes.count).toBe(1)
    holes.absorb(read([]))
    expect(holes.count).toBe(0)
  })

  it('keep their holes from resting', () => {
    const holes = start()
    holes.absorb(read([], [], { now: 60_000 }))
    expect(holes.probes().singles).toEqual([1])
  })
})

describe('the wrong rules', () => {
  it('`none` forgets skipped positions', () => {
    const holes = new Holes({ rule: 'none' })
    holes.absorb(read([1, 5]))
    expect(holes.count).toBe(0)
    expect(holes.wantsNote()).toBe(false)
  })

  it('`age` gives holes up', () => {
    const holes = new Holes({ rule: 'age', ageMs: 5_000 })
    holes.absorb(read([2], [7]))
    expect(holes.wantsNote()).toBe(false)
    holes.absorb(read([], [7], { now: 4_999 }))
    expect(holes.count).toBe(1)
    holes.absorb(read([], [7], { now: 5_000 }))
    expect(holes.count).toBe(0)
  })
})

it('says how old the oldest hole is', () => {
  const holes = new Holes()
  expect(holes.oldestAgeMs(5)).toBe(0)
  holes.absorb(read([2], [], { now: 10 }))
  holes.absorb(read([4], [], { now: 30 }))
  expect(holes.oldestAgeMs(50)).toBe(40)
})
