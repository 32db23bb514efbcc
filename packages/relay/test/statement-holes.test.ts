import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatementHoles } from '../src/statement-holes.js'

const rule = { ageMs: 0 }
const none = new Set<string>()
const look = (lo: number, hi: number, present: number[] = [], upTo = hi) => ({ lo, hi, present, upTo })

describe('a hole', () => {
  it('is what a read has skipped', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([3, 4, 8], 0)
    expect(holes.probes()).toEqual({ singles: [1, 2, 5, 6, 7], ranges: [] })
    expect([holes.high, holes.count, holes.covers(2), holes.covers(3)]).toEqual([8, 5, true, false])
    holes.absorb([2, 6], 10)
    expect(holes.probes().singles).toEqual([1, 5, 7])
    expect(holes.oldestAgeMs(10)).toBe(10)
  })

  it('is waited for until the statements have ended that ran after it was found', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([2], 0)
    expect(holes.note(new Set(['a', 'b']))).toEqual([])
    expect(holes.note(new Set(['b', 'c']))).toEqual([])
    // c began later: it cannot bring position 1
    expect(holes.note(new Set(['c']))).toMatchObject([{ lo: 1, hi: 1 }])
  })

  it('that is found later waits for later statements', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([2], 0)
    holes.note(new Set(['a']))
    holes.absorb([4], 0)
    expect(holes.note(new Set(['b']))).toMatchObject([{ lo: 1, hi: 1 }])
    expect(holes.note(none)).toMatchObject([
      { lo: 1, hi: 1 },
      { lo: 3, hi: 3 },
    ])
  })

  it('is dead when no row is there, and alive as long as one is', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([6], 0)
    expect(holes.note(none)).toMatchObject([{ lo: 1, hi: 5 }])
    holes.bury([look(1, 5, [2, 3, 5])])
    expect(holes.probes().singles).toEqual([2, 3, 5])
    // looked at again and again: a rollback makes it dead
    expect(holes.note(new Set(['x']))).toMatchObject([
      { lo: 2, hi: 3 },
      { lo: 5, hi: 5 },
    ])
    holes.bury([look(2, 3), look(5, 5, [5])])
    expect(holes.probes().singles).toEqual([5])
  })

  it('is not judged above what was looked at', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([101], 0)
    holes.note(none)
    holes.bury([look(1, 100, [10], 40)])
    expect(holes.probes()).toEqual({ singles: [10], ranges: [{ lo: 41, hi: 100 }] })
  })

  it('that was filled in part is looked at in its parts', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([5], 0)
    expect(holes.note(none)).toMatchObject([{ lo: 1, hi: 4 }])
    holes.bury([look(1, 3)])
    // not the hole that was asked for
    expect(holes.count).toBe(4)
  })

  it('below the first row is none when nobody was inserting at the start', () => {
    const holes = new StatementHoles(rule)
    holes.startAt(50)
    holes.absorb([50, 52], 0)
    expect(holes.probes().singles).toEqual([51])
  })

  it('of some width is probed as a range, one of many position by position', () => {
    const probesOf = (count: number) => {
      const holes = new StatementHoles({ ageMs: 0 })
      holes.absorb(
        Array.from({ length: count }, (_, i) => 50 * (i + 1)),
        0,
      )
      return holes.probes()
    }
    const [few, many] = [probesOf(100), probesOf(101)]
    expect([few.singles.length, few.ranges.length]).toEqual([0, 100])
    expect([many.singles.length, many.ranges.length]).toEqual([101 * 49, 0])
  })

  it('is never read twice', () => {
    const holes = new StatementHoles(rule)
    holes.absorb([3], 0)
    holes.absorb([1], 0)
    expect(() => holes.absorb([1], 0)).toThrow('read before')
  })
})

describe('a wrong rule', () => {
  it('`none` forgets what was skipped', () => {
    const holes = new StatementHoles({ unsafeRule: 'none', ageMs: 0 })
    holes.absorb([3], 0)
    expect([holes.count, holes.wantsNote()]).toEqual([0, false])
  })

  it('`age` forgets it later', () => {
    const holes = new StatementHoles({ unsafeRule: 'age', ageMs: 5 })
    holes.absorb([3], 0)
    expect(holes.count).toBe(2)
    holes.absorb([], 5)
    expect([holes.count, holes.wantsNote()]).toEqual([0, false])
  })
})

/** A server in a nutshell: statements take numbers, insert later, end; transactions commit or roll back. */
class Server {
  next = 1
  readonly rows = new Map<number, 'open' | 'committed'>()
  readonly statements: { name: string; taken: number[] }[] = []
  #names = 0

  begin(count: number): void {
    const taken = Array.from({ length: count }, () => this.next++)
    this.statements.push({ name: `s${this.#names++}`, taken })
  }

  /** The oldest number that a statement still has becomes a row, or the statement ends. */
  step(index: number, isKept: boolean): void {
    const at = index % Math.max(1, this.statements.length)
    const statement = this.statements[at]
    if (statement === undefined) return
    const position = statement.taken.shift()
    if (position === undefined) this.statements.splice(at, 1)
    else if (isKept) this.rows.set(position, 'open')
  }

  end(index: number, isCommit: boolean): void {
    const open = [...this.rows].filter(([, state]) => state === 'open').map(([position]) => position)
    const position = open[index % Math.max(1, open.length)]
    if (position === undefined) return
    if (isCommit) this.rows.set(position, 'committed')
    else this.rows.delete(position)
  }
}

type Step = readonly ['begin' | 'step' | 'commit' | 'rollback' | 'read' | 'prove', number, boolean]

it('under any course of statements and transactions nothing is missed, and dead positions go', () => {
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom('begin', 'step', 'step', 'commit', 'rollback', 'read', 'prove') as fc.Arbitrary<
        Step[0]
      >,
      fc.nat(20),
      fc.boolean(),
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(steps, (course) => {
      const server = new Server()
      const holes = new StatementHoles(rule)
      const delivered = new Set<number>()
      const read = (): void => {
        const { singles, ranges } = holes.probes()
        const wanted = (position: number): boolean =>
          position > holes.high ||
          singles.includes(position) ||
          ranges.some(({ lo, hi }) => position >= lo && position <= hi)
        const found = [...server.rows].filter(
          ([position, state]) => state === 'committed' && wanted(position),
        )
        const positions = found.map(([position]) => position).toSorted((a, b) => a - b)
        holes.absorb(positions, 0)
        for (const position of positions) delivered.add(position)
      }
      const prove = (): void => {
        const closing = holes.note(new Set(server.statements.map(({ name }) => name)))
        holes.bury(
          closing.map(({ lo, hi }) =>
            look(
              lo,
              hi,
              [...server.rows.keys()].filter((p) => p >= lo && p <= hi).toSorted((a, b) => a - b),
            ),
          ),
        )
      }
      for (const [kind, number, flag] of course) {
        if (kind === 'begin') server.begin(1 + (number % 5))
        else if (kind === 'step') server.step(number, flag)
        else if (kind === 'read') read()
        else if (kind === 'prove') prove()
        else server.end(number, kind === 'commit')
      }
      while (server.statements.length > 0) server.step(0, true)
      for (const [position, state] of server.rows)
        if (state === 'open') server.rows.set(position, 'committed')
      read()
      prove()
      expect([...delivered].toSorted((a, b) => a - b)).toEqual(
        [...server.rows.keys()].toSorted((a, b) => a - b),
      )
      expect(holes.count).toBe(0)
    }),
    { numRuns: 2_000 },
  )
})
