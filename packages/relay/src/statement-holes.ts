/**
 * Which positions are still open on a server that shows uncommitted rows (MySQL, MariaDB): skipped by what was
 * read so far, and not proven dead. See `holes.ts` for why a hole is never given up by its age.
 *
 *     read ── skips positions ──▶ hole ── note ──▶ waits for the noted statements ── all ended ──▶ look ──▶ no row: dead
 *                                                                                                    │
 *                                                          (row there, uncommitted) alive ◀──────────┘ looked at again
 *
 * A number is taken inside the statement that inserts its row. Once that statement has ended, the row is there,
 * committed or not, or never will be. So, for holes that a read has found: note, *after* that read, which
 * statements are running; wait until none of them does; then look with a dirty read that starts after that. It
 * does not matter how long transactions are: only statements are waited for.
 *
 * Nothing in here knows a driver.
 */

import { HoleSet, probesOf, type Hole, type PositionRange, type Probes } from './hole-set.js'

/** Each range is a part of the read's statement; MySQL needs 0.3 ms for each of a thousand parts, 0.03 ms for one of a few. */
const manyRanges = 100
/** What is probed position by position when there are many: 128 of them cost less than such a part. */
const manySinglesWidth = 128

/** The statements, by whatever names them, that may still bring a position. `undefined`: not looked yet. */
interface Note {
  readonly waits: Set<string>
}

/** `none` and `age` are wrong and exist so that tests can see the order break. */
export interface StatementHoleOptions {
  readonly unsafeRule?: 'none' | 'age' | undefined
  /** Only for the wrong rule `age`: when a hole is given up, in ms. */
  readonly ageMs: number
}

/** What a dirty read has found of a range: all of it up to `upTo`. */
export interface Look extends PositionRange {
  /** Positions that have a row, ascending. */
  readonly present: readonly number[]
  /** Above this nothing was looked at. */
  readonly upTo: number
}

export class StatementHoles {
  readonly #options: StatementHoleOptions
  readonly #holes = new HoleSet<Note>()
  #high = 0

  constructor(options: StatementHoleOptions) {
    this.#options = options
  }

  /** Everything up to here was read, is a hole, or is dead. */
  get high(): number {
    return this.#high
  }

  /** Open positions. */
  get count(): number {
    return this.#holes.count
  }

  oldestAgeMs(now: number): number {
    return this.#holes.oldestAgeMs(now)
  }

  covers(position: number): boolean {
    return this.#holes.covers(position)
  }

  /** What the next read has to look for below `high`. */
  probes(): Probes {
    const probes = probesOf(this.#holes.all)
    return probes.ranges.length <= manyRanges ? probes : probesOf(this.#holes.all, manySinglesWidth)
  }

  /** Nothing below `position` can come any more: proven before the first read. */
  startAt(position: number): void {
    this.#high = Math.max(this.#high, position - 1)
  }

  /** Takes the positions of a read that has looked at {@link probes} and everything above `high`; ascending, each new. */
  absorb(positions: readonly number[], now: number): void {
    for (const position of positions) {
      if (position <= this.#high) {
        this.#holes.fill(position)
        continue
      }
      if (position > this.#high + 1 && this.#options.unsafeRule !== 'none')
        this.#holes.push({ lo: this.#high + 1, hi: position - 1, note: undefined, foundAt: now })
      this.#high = position
    }
    if (this.#options.unsafeRule === 'age')
      this.#holes.replace((hole) => (now - hole.foundAt < this.#options.ageMs ? [hole] : []))
  }

  /** True when {@link note} would help. */
  wantsNote(): boolean {
    return this.#options.unsafeRule === undefined && this.#holes.all.length > 0
  }

  /**
   * Takes the statements that are running now. Every read that was absorbed must have ended before they were
   * looked at. Returns the holes for which the wait is over: to be looked at, by a dirty read that starts now.
   */
  note(running: ReadonlySet<string>): readonly PositionRange[] {
    const seen = new Set<Note>()
    for (const { note } of this.#holes.all) {
      if (note === undefined || seen.has(note)) continue
      seen.add(note)
      for (const statement of note.waits) if (!running.has(statement)) note.waits.delete(statement)
    }
    const fresh: Note = { waits: new Set(running) }
    this.#holes.replace((hole) => [hole.note === undefined ? { ...hole, note: fresh } : hole])
    return this.#holes.all.filter(isOver)
  }

  /** Takes what the dirty read has found of the holes that {@link note} has returned: positions without a row are dead. */
  bury(looks: readonly Look[]): void {
    const byStart = new Map(looks.map((look) => [look.lo, look]))
    this.#holes.replace((hole) => {
      const look = byStart.get(hole.lo)
      if (look === undefined || look.hi !== hole.hi) return [hole]
      const alive = runsOf(look.present).map((range) => ({ ...hole, ...range }))
      return look.upTo < hole.hi ? [...alive, { ...hole, lo: look.upTo + 1 }] : alive
    })
  }
}

function isOver({ note }: Hole<Note>): boolean {
  return note !== undefined && note.waits.size === 0
}

/** Neighbouring positions as ranges: a transaction with a million rows is one hole, not a million. */
function runsOf(positions: readonly number[]): PositionRange[] {
  const runs: { lo: number; hi: number }[] = []
  for (const position of positions) {
    const last = runs.at(-1)
    if (last !== undefined && last.hi === position - 1) last.hi = position
    else runs.push({ lo: position, hi: position })
  }
  return runs
}
