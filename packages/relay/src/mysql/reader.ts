import { OutboxError, type StoredEvent } from '@outboxkit/core'
import type { PositionRange } from '../hole-set.js'
import type { Batch } from '../source.js'
import { StatementHoles, type Look } from '../statement-holes.js'
import { probesOf } from '../hole-set.js'
import { lateWarning, Sweep, sweepPage } from '../sweep.js'
import type { Connection, RawRow, Run } from './connection.js'
import { text, toEvent, toPayload, toPosition } from './decode.js'
import type { ResolvedSourceOptions } from './options.js'
import {
  dirtyNext,
  readContents,
  readDirtyRange,
  readDirtySingles,
  readDirtyTop,
  readEvents,
  readPositions,
  type TablePlace,
} from './statements.js'
import { missingGrant, type Witness, type WitnessKind } from './witness.js'

/** Counters of an opened source. */
export interface ReaderStats {
  readonly reads: number
  /** Looks at who is inserting. */
  readonly notes: number
  readonly sweeps: number
  /** Events that only the sweep found. Should stay 0. */
  readonly late: number
  /** Positions that are open now. */
  readonly holes: number
  readonly oldestHoleMs: number
  /** Returned and not settled. */
  readonly inFlight: number
  /** How it is seen who inserts. */
  readonly witness: WitnessKind
}

export interface ReaderTarget {
  readonly place: TablePlace
  /** Which server this is. */
  readonly server: string
  readonly witness: Witness
}

interface Answer {
  /** Session and table are those that were opened. */
  readonly isSame: boolean
  readonly nextNumber: number
  /** Id of the event that is at the position from which was read on. */
  readonly idAtHigh: string | undefined
  readonly events: readonly StoredEvent[]
  readonly truncated: boolean
}

/** At most a fiftieth of the time is spent on looking who inserts. */
const noteShare = 50
/** Positions of a range that one dirty read looks at. */
const lookPage = 10_000
/** A hole that is older than this is worth a warning, when a right is missing that would have closed it. */
const warnAfterMs = 10_000
/** Fewer rows than this are never asked for. */
const leastRows = 16

/** Reads the outbox table in order, from its start; see `statement-holes.ts` for the proof. Lives from open to close. */
export class Reader {
  readonly #connection: Connection
  readonly #options: ResolvedSourceOptions
  readonly #target: ReaderTarget
  readonly #holes: StatementHoles
  readonly #sweep: Sweep
  /** Larger rows are fetched on their own, so that an answer stays small whatever the rows are. */
  readonly #maxInlineBytes: number
  /** Rows to ask for: fewer when they are large, because the server reads a whole row to tell its size. */
  #maxRows: number
  #identity = ''
  /** Of the session in which was read first: another one would know nothing of what was noted. */
  #token = ''
  #noteAt = 0
  #caughtUp = false
  #ended: string | undefined
  #rewound = false
  #isWarned = false
  /** Id of the event at the highest position that was read. */
  #highId: string | undefined
  readonly #count = { reads: 0, notes: 0, late: 0 }

  constructor(connection: Connection, options: ResolvedSourceOptions, target: ReaderTarget) {
    this.#connection = connection
    this.#options = options
    this.#target = target
    this.#holes = new StatementHoles(options)
    this.#sweep = new Sweep(options, (position) => this.#holes.covers(position))
    this.#maxRows = options.maxBatchEvents
    this.#maxInlineBytes = Math.max(1_024, Math.floor((4 * options.maxBatchBytes) / options.maxBatchEvents))
  }

  get fingerprint(): string {
    return `${this.#target.server}/${this.#identity}`
  }

  get stats(): ReaderStats {
    return {
      ...this.#count,
      sweeps: this.#sweep.count,
      holes: this.#holes.count,
      oldestHoleMs: this.#holes.oldestAgeMs(performance.now()),
      inFlight: this.#sweep.inFlight,
      witness: this.#target.witness.kind,
    }
  }

  /** Below this position the table holds nothing that was not settled, but for what open transactions may bring. */
  get lowest(): number {
    return Math.min(this.#sweep.lowestInFlight ?? Infinity, this.#holes.high + 1)
  }

  /**
   * Before the first read: when nobody is inserting, nothing can come below the first row that is there, committed
   * or not. Of the numbers above `top` some may have been handed out since.
   */
  async start(): Promise<void> {
    const { table, unsafeRule } = this.#options
    const state = await this.#connection.query(
      this.#readStatement({ singles: [], ranges: [], high: Number.MAX_SAFE_INTEGER }),
    )
    this.#identity = identityOf(state.rows).identity
    this.#token = this.#connection.token
    if (unsafeRule !== undefined) return
    const top = await this.#dirty(async (run) => (await run(readDirtyTop(table))).rows)
    const running = await this.#target.witness.look()
    if (running === undefined || running.size > 0 || top[0] === undefined) return
    const highest = toPosition(top[0][0])
    const first = await this.#dirty(
      async (run) => (await run(readDirtyRange(table, { lo: 0, hi: highest }, 1))).rows,
    )
    this.#holes.startAt(first[0] === undefined ? highest + 1 : toPosition(first[0][0]))
  }

  async read(): Promise<Batch> {
    if (this.#ended !== undefined)
      throw new OutboxError('OUTBOX_SOURCE_FAILED', `The source has to be opened again: ${this.#ended}.`)
    const now = performance.now()
    if (now >= this.#noteAt && this.#holes.wantsNote()) await this.#prove()
    if (this.#sweep.isDue(now)) {
      const late = await this.#sweep.run(
        (after) => this.#positions(after),
        (positions) => this.#late(positions),
      )
      if (late !== undefined) return late
    }
    return this.#next()
  }

  /** From here on the memory is not to be relied on. */
  end(why: string): void {
    this.#ended ??= why
  }

  settled(position: number): void {
    this.#sweep.settled(position)
  }

  /** Throws when numbers are handed out a second time. */
  assertNotRewound(): void {
    if (this.#rewound) throw rewound(this.#options.table.name)
  }

  async #next(): Promise<Batch> {
    const { high } = this.#holes
    const answer = await this.#ask({ ...this.#holes.probes(), high })
    if (!answer.isSame) return this.#moved()
    if (answer.nextNumber <= high || (answer.idAtHigh ?? this.#highId) !== this.#highId) {
      this.#rewound = true
      throw rewound(this.#options.table.name)
    }
    const now = performance.now()
    this.#holes.absorb(
      answer.events.map(({ position }) => position),
      now,
    )
    const last = answer.events.at(-1)
    if (last !== undefined && last.position === this.#holes.high) this.#highId = last.id
    if (!answer.truncated && !this.#caughtUp) {
      this.#caughtUp = true
      this.#sweep.hurry(now)
    }
    return this.#batch(answer.events, answer.truncated)
  }

  #batch(events: readonly StoredEvent[], truncated: boolean): Batch {
    this.#sweep.returned(events.map(({ position }) => position))
    return { events, truncated, fingerprint: this.fingerprint }
  }

  #moved(): Batch {
    this.end('another server, session or table has answered')
    return { events: [], truncated: false, fingerprint: `${this.#target.server}/another` }
  }

  /** Notes who is inserting, and closes the holes for which all that were noted have ended. */
  async #prove(): Promise<void> {
    const startedAt = performance.now()
    const running = await this.#target.witness.look()
    this.#count.notes += 1
    if (running === undefined) this.#warnOfOldHoles()
    else {
      const closing = this.#holes.note(running)
      if (closing.length > 0) this.#holes.bury(await this.#look(closing))
    }
    const now = performance.now()
    this.#noteAt = now + Math.max(this.#options.noteIntervalMs, noteShare * (now - startedAt))
  }

  /** Which positions of these holes have a row, committed or not. Begins after the look at who inserts. */
  async #look(holes: readonly PositionRange[]): Promise<Look[]> {
    const { table } = this.#options
    const { singles } = probesOf(holes)
    const present = new Set(
      singles.length === 0
        ? []
        : await this.#dirty(async (run) =>
            (await run(readDirtySingles(table, singles))).rows.map(([p]) => toPosition(p)),
          ),
    )
    const looks: Look[] = []
    for (const hole of holes) {
      const { ranges } = probesOf([hole])
      if (ranges.length === 0) looks.push({ ...hole, upTo: hole.hi, present: positionsOf(hole, present) })
      else {
        const { rows } = await this.#dirty((run) => run(readDirtyRange(table, hole, lookPage)))
        const found = rows.map(([position]) => toPosition(position))
        looks.push({
          ...hole,
          upTo: found.length < lookPage ? hole.hi : (found.at(-1) ?? hole.hi),
          present: found,
        })
      }
    }
    return looks
  }

  /** Runs one statement that sees uncommitted rows. */
  #dirty<T>(body: (run: Run) => Promise<T>): Promise<T> {
    return this.#connection.exclusive(async (run) => {
      await run(dirtyNext)
      return body(run)
    })
  }

  #warnOfOldHoles(): void {
    const age = this.#holes.oldestAgeMs(performance.now())
    if (this.#isWarned || this.#target.witness.kind !== 'open' || age < warnAfterMs) return
    this.#isWarned = true
    this.#options.onWarning(
      `Positions of ${this.#options.table.name} have been waited for since ${Math.round(age / 1_000)} s, because some statement was using the table whenever it was looked at. Nothing is lost, but each read looks for them. To name those statements, ${missingGrant}.`,
    )
  }

  async #ask(probes: {
    singles: readonly number[]
    ranges: readonly PositionRange[]
    high: number
  }): Promise<Answer> {
    const { maxBatchBytes } = this.#options
    const maxRows = this.#maxRows
    const { rows } = await this.#connection.query(this.#readStatement(probes))
    this.#count.reads += 1
    const { identity, token, nextNumber } = identityOf(rows)
    const found = rows.filter(([position]) => position !== null)
    const atHigh = found.find(([position]) => toPosition(position) === probes.high)
    const body = found.filter((row) => row !== atHigh).sort((a, b) => toPosition(a[0]) - toPosition(b[0]))
    const taken = bounded(body, maxRows, maxBatchBytes)
    this.#adapt(body)
    return {
      isSame: identity === this.#identity && token === this.#token,
      nextNumber,
      idAtHigh: atHigh === undefined ? undefined : (text(atHigh[2]) ?? ''),
      events: await this.#complete(taken),
      truncated: taken.length < body.length || taken.length >= maxRows,
    }
  }

  #readStatement(probes: { singles: readonly number[]; ranges: readonly PositionRange[]; high: number }) {
    return readEvents(this.#options.table, this.#target.place, {
      ...probes,
      maxEvents: this.#maxRows,
      maxInlineBytes: this.#maxInlineBytes,
    })
  }

  /** So many rows next time that about twice what a batch may hold is read. */
  #adapt(body: readonly RawRow[]): void {
    if (body.length === 0) return
    const { maxBatchBytes, maxBatchEvents } = this.#options
    const average = body.reduce((sum, row) => sum + Number(row[1]), 0) / body.length
    const fitting = Math.ceil((2 * maxBatchBytes) / average)
    this.#maxRows = Math.min(maxBatchEvents, Math.max(leastRows, fitting))
  }

  /** Fetches what was too large. A row that has gone since, by somebody's hand, is left out: it stays a hole. */
  async #complete(rows: readonly RawRow[]): Promise<StoredEvent[]> {
    const large = rows.filter((row) => Number(row[1]) > this.#maxInlineBytes)
    if (large.length === 0) return rows.map(toEvent)
    const positions = large.map(([position]) => toPosition(position))
    const contents = await this.#connection.query(readContents(this.#options.table, positions))
    const byPosition = new Map(contents.rows.map((row) => [toPosition(row[0]), row]))
    return rows.flatMap((row) => {
      if (Number(row[1]) <= this.#maxInlineBytes) return [toEvent(row)]
      const content = byPosition.get(toPosition(row[0]))
      const event = toEvent(row)
      if (content === undefined || text(content[1]) !== event.id) return []
      return [{ ...event, payload: toPayload(content[2]), headers: text(content[3]) }]
    })
  }

  async #positions(after: number): Promise<number[]> {
    const page = readPositions(this.#options.table, after, this.#holes.high, sweepPage)
    return (await this.#connection.query(page)).rows.map(([position]) => toPosition(position))
  }

  async #late(singles: readonly number[]): Promise<Batch | undefined> {
    const { onWarning, table } = this.#options
    const answer = await this.#ask({ singles, ranges: [], high: Number.MAX_SAFE_INTEGER })
    if (!answer.isSame) return this.#moved()
    const events = answer.events.filter(({ position }) => this.#sweep.isLate(position))
    if (events.length === 0) return undefined
    if (answer.truncated) this.#sweep.hurry(0)
    this.#count.late += events.length
    const why = 'Is this the server on which the applications write, and the only one?'
    onWarning(lateWarning(table.name, events.length, events[0]?.position, why))
    return { ...this.#batch(events, answer.truncated), late: events.length }
  }
}

/** The first rows, up to a number, the last one being that which reaches `maxBytes`. */
function bounded(rows: readonly RawRow[], maxRows: number, maxBytes: number): RawRow[] {
  const taken: RawRow[] = []
  let bytes = 0
  for (const row of rows) {
    if (taken.length >= maxRows || bytes >= maxBytes) break
    taken.push(row)
    bytes += Number(row[1])
  }
  return taken
}

function positionsOf({ lo, hi }: PositionRange, present: ReadonlySet<number>): number[] {
  const found: number[] = []
  for (let position = lo; position <= hi; position++) if (present.has(position)) found.push(position)
  return found
}

/** The row without a position: token of the session, when the table was made, next number. */
function identityOf(rows: readonly RawRow[]): { token: string; identity: string; nextNumber: number } {
  const row = rows.find(([position]) => position === null)
  const [token = '', identity = '', next] = String(row?.[1] ?? '').split('/')
  // MySQL 8.0.15 knows none before the first row
  return { token, identity, nextNumber: next === undefined ? Infinity : Number(next) }
}

function rewound(table: string): OutboxError {
  return new OutboxError(
    'OUTBOX_SOURCE_FAILED',
    `The numbers of ${table} were set back (a restore, truncate, or the table was made anew): positions are used a second time. Reading starts again from the table.`,
  )
}
