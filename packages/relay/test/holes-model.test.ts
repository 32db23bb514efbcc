import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Holes, type HoleRule } from '../src/holes.js'

/** A transaction of the simulated server. */
interface Transaction {
  readonly virtual: string
  /** Assigned with its first row. */
  id: number | undefined
  prepared: boolean
  /** Holds the table's or the sequence's lock: has taken a number. */
  holds: boolean
  /** Rows written; `before`: the rows that had been committed when the number was taken. */
  rows: Row[]
  /** Numbers taken, rows not written yet. */
  taken: Row[]
}

interface Row {
  readonly position: number
  readonly before: ReadonlySet<number>
}

/** A server with one outbox table, a reader on it, and the oracle that judges the reader. */
class World {
  readonly #holes: Holes
  readonly #renameOnPrepare: boolean
  #sequence = 0
  #nextId = 100
  #nextVirtual = 0
  #now = 0
  /** The last value that the last read returned. */
  #lastValue = 0
  readonly #open: Transaction[] = []
  /** Committed rows that nobody has settled: position → the rows that were committed before its number was taken. */
  readonly #visible = new Map<number, ReadonlySet<number>>()
  readonly #committed = new Set<number>()
  readonly delivered = new Set<number>()
  /** Rows delivered before a row that had been committed before they took their number. */
  misordered = 0
  started = true

  constructor(rule: HoleRule, renameOnPrepare: boolean, restAfterMs: number) {
    this.#holes = new Holes({ rule, restAfterMs, ageMs: 5 })
    this.#renameOnPrepare = renameOnPrepare
  }

  get lost(): number {
    return [...this.#committed].filter((position) => !this.delivered.has(position)).length
  }

  get openHoles(): number {
    return this.#holes.count
  }

  begin(): void {
    this.#open.push({
      virtual: `v${this.#nextVirtual++}`,
      id: undefined,
      prepared: false,
      holds: false,
      rows: [],
      taken: [],
    })
  }

  /** Takes a number: nextval by hand, or an insert that has not come to its row yet, or that fails. */
  take(which: number): void {
    const transaction = this.#pick(which)
    if (transaction === undefined || transaction.prepared) return
    transaction.holds = true
    transaction.taken.push({ position: ++this.#sequence, before: new Set(this.#committed) })
  }

  /** Writes the rows of the numbers taken so far: only now does the transaction get an id. */
  write(which: number): void {
    const transaction = this.#pick(which)
    if (transaction === undefined || transaction.taken.length === 0) return
    transaction.id ??= this.#nextId++
    transaction.rows.push(...transaction.taken.splice(0))
  }

  prepare(which: number): void {
    const transaction = this.#pick(which)
    if (transaction?.id !== undefined && transaction.taken.length === 0) transaction.prepared = true
  }

  end(which: number, commit: boolean): void {
    const transaction = this.#pick(which)
    if (transaction === undefined) return
    this.#open.splice(this.#open.indexOf(transaction), 1)
    if (!commit) return
    for (const { position, before } of transaction.rows) {
      this.#visible.set(position, before)
      this.#committed.add(position)
    }
  }

  start(): void {
    this.started = true
    this.note(true)
  }

  read(limit: number): void {
    if (!this.started) return
    const { singles, ranges } = this.#holes.probes()
    const found = [...this.#visible.keys()].filter(
      (position) =>
        position > this.#holes.high ||
        singles.includes(position) ||
        ranges.some(({ lo, hi }) => lo <= position && position <= hi),
    )
    const positions = found.sort((a, b) => a - b).slice(0, limit)
    const runningIds = new Set(this.#open.map(({ id }) => id))
    const absorbed = this.#holes.absorb({
      positions,
      truncated: positions.length === limit,
      snapshot: { isRunning: (id) => id >= this.#nextId || runningIds.has(id) },
      lastValue: this.#sequence,
      now: this.#now,
    })
    this.#lastValue = this.#sequence
    if (absorbed) this.#deliver(positions)
  }

  /** `atStart`: the last value is read right before the look. */
  note(atStart = false): void {
    if (!this.started || (!atStart && !this.#holes.wantsNote())) return
    const holding = this.#open.filter(({ holds }) => holds)
    const renamed = ({ prepared }: Transaction): boolean => prepared && this.#renameOnPrepare
    const named = this.#open.filter((transaction) => transaction.id !== undefined && !renamed(transaction))
    this.#holes.note(
      atStart ? this.#sequence : this.#lastValue,
      {
        ids: holding.flatMap(({ id }) => id ?? []),
        nameless: holding.filter(({ id }) => id === undefined).map(({ virtual }) => virtual),
        idOf: new Map(named.map(({ virtual, id }) => [virtual, id ?? 0])),
        prepared: holding.filter(renamed).flatMap(({ id }) => id ?? []),
      },
      this.#now,
    )
  }

  wait(ms: number): void {
    this.#now += ms
  }

  /** Lets everything end, reads to the end, and returns. */
  finish(): void {
    while (this.#open.length > 0) this.end(0, true)
    for (let round = 0; round < 4 || this.delivered.size < this.#committed.size; round++) {
      if (round > 50) return
      this.read(1_000)
      this.note()
    }
  }

  #pick(which: number): Transaction | undefined {
    return this.#open.length === 0 ? undefined : this.#open[which % this.#open.length]
  }

  #deliver(positions: readonly number[]): void {
    for (const position of positions) {
      for (const earlier of this.#visible.get(position) ?? [])
        if (!this.delivered.has(earlier)) this.misordered++
      this.delivered.add(position)
      this.#visible.delete(position)
    }
  }
}

type Step = (world: World) => void

const which = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step>((world) => world.begin()) },
  { weight: 4, arbitrary: which.map<Step>((index) => (world) => world.take(index)) },
  { weight: 4, arbitrary: which.map<Step>((index) => (world) => world.write(index)) },
  { weight: 1, arbitrary: which.map<Step>((index) => (world) => world.prepare(index)) },
  {
    weight: 3,
    arbitrary: fc.tuple(which, fc.boolean()).map<Step>(
      ([index, commit]) =>
        (world) =>
          world.end(index, commit),
    ),
  },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }).map<Step>((limit) => (world) => world.read(limit)) },
  { weight: 3, arbitrary: fc.constant<Step>((world) => world.note()) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }).map<Step>((ms) => (world) => world.wait(ms)) },
)

function run(
  rule: HoleRule,
  steps: readonly Step[],
  startAt: number,
  rename: boolean,
  restAfterMs: number,
): World {
  const world = new World(rule, rename, restAfterMs)
  // before the relay starts nobody reads
  world.started = rule !== 'xids'
  for (const next of steps.slice(0, startAt)) next(world)
  if (!world.started) world.start()
  for (const next of steps.slice(startAt)) next(world)
  world.finish()
  return world
}

describe('model: any interleaving of writers, reads and notes', () => {
  const inputs = [
    fc.array(step, { maxLength: 120, size: 'max' }),
    fc.nat({ max: 30 }),
    fc.boolean(),
    fc.constantFrom(0, 3, 1e9),
  ] as const

  it('loses nothing, keeps the order, and proves every hole dead in the end', () => {
    fc.assert(
      fc.property(...inputs, (steps, startAt, rename, restAfterMs) => {
        const world = run('xids', steps, startAt, rename, restAfterMs)
        expect({ lost: world.lost, misordered: world.misordered, openHoles: world.openHoles }).toEqual({
          lost: 0,
          misordered: 0,
          openHoles: 0,
        })
      }),
      { numRuns: 5_000 },
    )
  })

  it.each(['none', 'age'] as const)('finds the fault of the wrong rule `%s`', (rule) => {
    const details = fc.check(
      fc.property(...inputs, (steps, _startAt, rename, restAfterMs) => {
        const world = run(rule, steps, 0, rename, restAfterMs)
        return world.lost === 0 && world.misordered === 0
      }),
      { numRuns: 5_000 },
    )
    expect(details.failed).toBe(true)
  })
})
