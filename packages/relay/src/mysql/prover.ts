import { probesOf, type PositionRange } from '../hole-set.js'
import type { Look, StatementHoles } from '../statement-holes.js'
import type { Connection, RawRow, Statement } from './connection.js'
import { toPosition } from './decode.js'
import type { ResolvedSourceOptions } from './options.js'
import { dirtyNext, readDirtyRange, readDirtySingles, readDirtyTop } from './statements.js'
import { missingGrant, type Witness } from './witness.js'

/** At most a fiftieth of the time is spent on looking who inserts. */
const noteShare = 50
/** Positions of a range that one dirty read looks at, or single ones. */
const lookPage = 10_000
/** Wider holes are looked at one by one: a statement costs about as much as this many positions of a common one. */
const narrowWidth = 512
/** A hole that is older than this is worth a warning, when a right is missing that would have closed it. */
const warnAfterMs = 10_000

/** Finds out which holes are dead: see `statement-holes.ts` for the proof. */
export class Prover {
  readonly #connection: Connection
  readonly #options: ResolvedSourceOptions
  readonly #witness: Witness
  readonly #holes: StatementHoles
  #dueAt = 0
  #notes = 0
  #isWarned = false

  constructor(
    connection: Connection,
    options: ResolvedSourceOptions,
    witness: Witness,
    holes: StatementHoles,
  ) {
    this.#connection = connection
    this.#options = options
    this.#witness = witness
    this.#holes = holes
  }

  /** Looks at who is inserting, so far. */
  get notes(): number {
    return this.#notes
  }

  isDue(now: number): boolean {
    return now >= this.#dueAt && this.#holes.wantsNote()
  }

  /**
   * Before the first read: when nobody is inserting, nothing can come below the first row that is there, committed
   * or not. Of the numbers above the highest row some may have been handed out since.
   */
  async start(): Promise<void> {
    const { table } = this.#options
    const [top] = await this.#dirty(readDirtyTop(table))
    const running = await this.#witness.look()
    if (running === undefined || running.size > 0 || top === undefined) return
    const highest = toPosition(top[0])
    const [first] = await this.#dirty(readDirtyRange(table, { lo: 0, hi: highest }, 1))
    this.#holes.startAt(first === undefined ? highest + 1 : toPosition(first[0]))
  }

  /** Notes who is inserting, and closes the holes for which all that were noted have ended. */
  async prove(): Promise<void> {
    const startedAt = performance.now()
    const running = await this.#witness.look()
    this.#notes += 1
    if (running === undefined) this.#warnOfOldHoles()
    else {
      const closing = this.#holes.note(running)
      if (closing.length > 0) this.#holes.bury(await this.#look(closing))
    }
    const now = performance.now()
    this.#dueAt = now + Math.max(this.#options.noteIntervalMs, noteShare * (now - startedAt))
  }

  /** Which positions of these holes have a row, committed or not. Begins after the look at who inserts. */
  async #look(holes: readonly PositionRange[]): Promise<Look[]> {
    const { table } = this.#options
    const { singles } = probesOf(holes, narrowWidth)
    const present = new Set<number>()
    for (let from = 0; from < singles.length; from += lookPage) {
      const page = readDirtySingles(table, singles.slice(from, from + lookPage))
      for (const [position] of await this.#dirty(page)) present.add(toPosition(position))
    }
    const looks: Look[] = []
    for (const hole of holes) {
      const isNarrow = probesOf([hole], narrowWidth).ranges.length === 0
      looks.push(
        isNarrow
          ? { ...hole, upTo: hole.hi, present: presentIn(hole, present) }
          : toLook(hole, await this.#dirty(readDirtyRange(table, hole, lookPage))),
      )
    }
    return looks
  }

  /** Runs one statement that sees uncommitted rows. */
  #dirty(statement: Statement): Promise<readonly RawRow[]> {
    return this.#connection.exclusive(async (run) => {
      await run(dirtyNext)
      try {
        return (await run(statement)).rows
      } catch (error) {
        // It may have failed before it began, and then the next statement of the session would be the dirty one.
        await this.#connection.close()
        throw error
      }
    })
  }

  #warnOfOldHoles(): void {
    const age = this.#holes.oldestAgeMs(performance.now())
    if (this.#isWarned || this.#witness.kind !== 'open' || age < warnAfterMs) return
    this.#isWarned = true
    this.#options.onWarning(
      `Positions of ${this.#options.table.name} have been waited for since ${Math.round(age / 1_000)} s, because some statement was using the table whenever it was looked at. Nothing is lost, but each read looks for them. To name those statements, ${missingGrant}.`,
    )
  }
}

function presentIn({ lo, hi }: PositionRange, present: ReadonlySet<number>): number[] {
  const found: number[] = []
  for (let position = lo; position <= hi; position++) if (present.has(position)) found.push(position)
  return found
}

/** A full page says nothing about what lies above its last position. */
function toLook(hole: PositionRange, rows: readonly RawRow[]): Look {
  const present = rows.map(([position]) => toPosition(position))
  return { ...hole, present, upTo: present.length < lookPage ? hole.hi : (present.at(-1) ?? hole.hi) }
}
