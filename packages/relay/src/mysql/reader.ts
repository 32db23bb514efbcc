import { OutboxError, type StoredEvent } from '@outboxkit/core'
import type { PollingReader } from '../polling-source.js'
import type { Batch } from '../source.js'
import { StatementHoles } from '../statement-holes.js'
import { lateWarning, Sweep, sweepPage } from '../sweep.js'
import type { Connection } from './connection.js'
import { toPosition } from './decode.js'
import type { ResolvedSourceOptions } from './options.js'
import { Prover } from './prover.js'
import { RowReader, type Answer } from './row-reader.js'
import { readPositions, type TablePlace } from './statements.js'
import type { Witness, WitnessKind } from './witness.js'

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

/** Above every position: nothing but the probes is read. */
const nowhere = Number.MAX_SAFE_INTEGER

/** Reads the outbox table in order, from its start; see `statement-holes.ts` for the proof. */
export class Reader implements PollingReader<ReaderStats> {
  readonly #connection: Connection
  readonly #options: ResolvedSourceOptions
  readonly #target: ReaderTarget
  readonly #holes: StatementHoles
  readonly #prover: Prover
  readonly #rows: RowReader
  readonly #sweep: Sweep
  #identity = ''
  /** Of the session in which was read first: another one would know nothing of what was noted. */
  #token = ''
  #caughtUp = false
  #ended: string | undefined
  #rewound = false
  /** Id of the event at the highest position that was read. */
  #highId: string | undefined
  readonly #count = { reads: 0, late: 0 }

  constructor(connection: Connection, options: ResolvedSourceOptions, target: ReaderTarget) {
    this.#connection = connection
    this.#options = options
    this.#target = target
    this.#holes = new StatementHoles(options)
    this.#prover = new Prover(connection, options, target.witness, this.#holes)
    this.#rows = new RowReader(connection, options, target.place)
    this.#sweep = new Sweep(options, (position) => this.#holes.covers(position))
  }

  get fingerprint(): string {
    return `${this.#target.server}/${this.#identity}`
  }

  get stats(): ReaderStats {
    return {
      ...this.#count,
      notes: this.#prover.notes,
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

  async start(): Promise<void> {
    const { identity } = await this.#rows.read({ singles: [], ranges: [] }, nowhere)
    this.#identity = identity
    this.#token = this.#connection.token
    if (this.#options.unsafeRule === undefined) await this.#prover.start()
  }

  async read(): Promise<Batch> {
    if (this.#ended !== undefined)
      throw new OutboxError('OUTBOX_SOURCE_FAILED', `The source has to be opened again: ${this.#ended}.`)
    const now = performance.now()
    if (this.#prover.isDue(now)) await this.#prover.prove()
    if (this.#sweep.isDue(now)) {
      const late = await this.#sweep.run(
        (after) => this.#positions(after),
        (positions) => this.#late(positions),
      )
      if (late !== undefined) return late
    }
    return this.#next()
  }

  end(why: string): void {
    this.#ended ??= why
  }

  settled(position: number): void {
    this.#sweep.settled(position)
  }

  assertNotRewound(): void {
    if (this.#rewound) throw rewound(this.#options.table.name)
  }

  async #next(): Promise<Batch> {
    const { high } = this.#holes
    const answer = await this.#ask(this.#holes.probes(), high)
    if (!this.#isSame(answer)) return this.#moved()
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

  async #ask(...request: Parameters<RowReader['read']>): Promise<Answer> {
    const answer = await this.#rows.read(...request)
    this.#count.reads += 1
    return answer
  }

  /** Session and table are those that were opened. */
  #isSame({ identity, token }: Answer): boolean {
    return identity === this.#identity && token === this.#token
  }

  #batch(events: readonly StoredEvent[], truncated: boolean): Batch {
    this.#sweep.returned(events.map(({ position }) => position))
    return { events, truncated, fingerprint: this.fingerprint }
  }

  #moved(): Batch {
    this.end('another server, session or table has answered')
    return { events: [], truncated: false, fingerprint: `${this.#target.server}/another` }
  }

  async #positions(after: number): Promise<number[]> {
    const page = readPositions(this.#options.table, after, this.#holes.high, sweepPage)
    return (await this.#connection.query(page)).rows.map(([position]) => toPosition(position))
  }

  async #late(singles: readonly number[]): Promise<Batch | undefined> {
    const { onWarning, table } = this.#options
    const answer = await this.#ask({ singles, ranges: [] }, nowhere)
    if (!this.#isSame(answer)) return this.#moved()
    const events = answer.events.filter(({ position }) => this.#sweep.isLate(position))
    if (events.length === 0) return undefined
    if (answer.truncated) this.#sweep.hurry(0)
    this.#count.late += events.length
    const why = 'Is this the server on which the applications write, and the only one?'
    onWarning(lateWarning(table.name, events.length, events[0]?.position, why))
    return { ...this.#batch(events, answer.truncated), late: events.length }
  }
}

function rewound(table: string): OutboxError {
  return new OutboxError(
    'OUTBOX_SOURCE_FAILED',
    `The numbers of ${table} were set back (a restore, truncate, or the table was made anew): positions are used a second time. Reading starts again from the table.`,
  )
}
