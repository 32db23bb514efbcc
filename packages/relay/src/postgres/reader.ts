import { OutboxError, type StoredEvent } from '@outboxkit/core'
import { Holes } from '../holes.js'
import { RowBudget } from '../row-budget.js'
import { lateWarning, Sweep, sweepPage } from '../sweep.js'
import type { PollingReader } from '../polling-source.js'
import type { Batch } from '../source.js'
import type { Connection, RawRow } from './connection.js'
import { toEvent, toHolders, toPosition, toSnapshot } from './decode.js'
import type { ResolvedSourceOptions } from './options.js'
import { readEvents, readHolders, readLastValue, readPositions, type ReadRequest } from './statements.js'

/** Counters of an opened source. */
export interface ReaderStats {
  readonly reads: number
  /** Reads put aside and repeated because a resting hole had woken. */
  readonly repeated: number
  /** Looks at the lock table. */
  readonly notes: number
  readonly sweeps: number
  /** Events that only the sweep found. Should stay 0. */
  readonly late: number
  /** Positions that are open now. */
  readonly holes: number
  /** Those of them that are not probed: they wait for transactions that run. */
  readonly resting: number
  readonly oldestHoleMs: number
  /** Returned and not settled. */
  readonly inFlight: number
}

export interface ReaderTarget {
  /** Quoted name. */
  readonly sequence: string
  /** Object ids whose write locks tell who may still bring a position. */
  readonly relations: readonly string[]
  /** System identifier and timeline. */
  readonly server: string
  /** Start time and role of the server, object id of the table: comes with every read. */
  readonly identity: string
}

interface Answer {
  readonly identity: string
  readonly lastValue: number
  readonly snapshot: string | null
  readonly events: readonly StoredEvent[]
  readonly truncated: boolean
}

/** The lock table is looked at for at most a fiftieth of the time. */
const noteShare = 50

/** Reads the outbox table in order, from its start; see `holes.ts` for the proof. Lives from open to close. */
export class Reader implements PollingReader<ReaderStats> {
  readonly #connection: Connection
  readonly #options: ResolvedSourceOptions
  readonly #target: ReaderTarget
  readonly #holes: Holes
  readonly #sweep: Sweep
  #noteAt = 0
  #caughtUp = false
  #ended: string | undefined
  #rewound = false
  readonly #budget: RowBudget
  readonly #count = { reads: 0, repeated: 0, notes: 0, late: 0 }

  constructor(connection: Connection, options: ResolvedSourceOptions, target: ReaderTarget) {
    this.#connection = connection
    this.#options = options
    this.#target = target
    this.#holes = new Holes(options)
    this.#sweep = new Sweep(options, (position) => this.#holes.covers(position))
    this.#budget = new RowBudget(options)
  }

  get fingerprint(): string {
    return `${this.#target.server}/${this.#target.identity}`
  }

  get stats(): ReaderStats {
    return {
      ...this.#count,
      sweeps: this.#sweep.count,
      holes: this.#holes.count,
      resting: this.#holes.restingCount,
      oldestHoleMs: this.#holes.oldestAgeMs(performance.now()),
      inFlight: this.#sweep.inFlight,
    }
  }

  /** Last value, then the note, then the first read: usually nothing below the first row is left open. */
  async start(): Promise<void> {
    if (this.#options.rule !== 'xids') return
    const [row] = await this.#connection.query(readLastValue(this.#target.sequence))
    await this.#note(toPosition(row?.[0]))
  }

  async read(): Promise<Batch> {
    if (this.#ended !== undefined)
      throw new OutboxError('OUTBOX_SOURCE_FAILED', `The source has to be opened again: ${this.#ended}.`)
    const now = performance.now()
    if (now >= this.#noteAt && this.#holes.wantsNote()) await this.#note(this.#holes.lastValue)
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
    if (this.#rewound) throw rewound(this.#target.sequence)
  }

  async #next(): Promise<Batch> {
    for (;;) {
      const answer = await this.#ask({ ...this.#holes.probes(), high: this.#holes.high })
      // Another server: its snapshot says nothing about what was noted.
      if (answer.identity !== this.#target.identity) return this.#moved(answer.identity)
      if (answer.lastValue < this.#holes.lastValue) {
        this.#rewound = true
        throw rewound(this.#target.sequence)
      }
      const now = performance.now()
      const isTaken = this.#holes.absorb({
        positions: answer.events.map(({ position }) => position),
        truncated: answer.truncated,
        snapshot: toSnapshot(answer.snapshot),
        lastValue: answer.lastValue,
        now,
      })
      if (!isTaken) {
        this.#count.repeated += 1
        continue
      }
      if (!answer.truncated && !this.#caughtUp) {
        this.#caughtUp = true
        this.#sweep.hurry(now)
      }
      return this.#batch(answer.events, answer.truncated)
    }
  }

  #batch(events: readonly StoredEvent[], truncated: boolean): Batch {
    this.#sweep.returned(events.map(({ position }) => position))
    return { events, truncated, fingerprint: this.fingerprint }
  }

  #moved(identity: string): Batch {
    this.end('another server, or another table, has answered')
    return { events: [], truncated: false, fingerprint: `${this.#target.server}/${identity}` }
  }

  async #ask(probes: Pick<ReadRequest, 'singles' | 'ranges' | 'high'>): Promise<Answer> {
    const { table, maxBatchBytes: maxBytes } = this.#options
    const request = { ...probes, maxEvents: this.#budget.rows, maxBytes }
    const rows = await this.#connection.query(readEvents(table, this.#target.sequence, request))
    this.#count.reads += 1
    const head = rows.find(([position]) => position === null)
    const body = rows.filter(([position]) => position !== null)
    const events = body.map((row) => toEvent(row, table.payload === 'bytes'))
    this.#budget.learn(body.length, bytesOf(body))
    return {
      snapshot: head?.[2] ?? null,
      identity: head?.[3] ?? '',
      lastValue: Number(head?.[4]),
      events,
      truncated: events.length >= request.maxEvents || bytesOf(body) >= request.maxBytes,
    }
  }

  async #note(lastValue: number): Promise<void> {
    const startedAt = performance.now()
    const rows = await this.#connection.query(readHolders(this.#target.relations))
    const now = performance.now()
    this.#holes.note(lastValue, toHolders(rows), now)
    this.#count.notes += 1
    this.#noteAt = now + Math.max(this.#options.noteIntervalMs, noteShare * (now - startedAt))
  }

  async #positions(after: number): Promise<number[]> {
    const page = readPositions(this.#options.table, after, this.#holes.high, sweepPage)
    return (await this.#connection.query(page)).map(([position]) => toPosition(position))
  }

  async #late(singles: readonly number[]): Promise<Batch | undefined> {
    const { onWarning, table } = this.#options
    const answer = await this.#ask({ singles, ranges: [], high: Number.MAX_SAFE_INTEGER })
    if (answer.identity !== this.#target.identity) return this.#moved(answer.identity)
    const events = answer.events.filter(({ position }) => this.#sweep.isLate(position))
    if (events.length === 0) return undefined
    if (answer.truncated) this.#sweep.hurry(0)
    this.#count.late += events.length
    const why =
      'Does the application take numbers from the sequence in one transaction and insert them in another?'
    onWarning(lateWarning(table.name, events.length, events[0]?.position, why))
    return { ...this.#batch(events, answer.truncated), late: events.length }
  }
}

function bytesOf(rows: readonly RawRow[]): number {
  return rows.reduce((sum, row) => sum + Number(row[1]), 0)
}

function rewound(sequence: string): OutboxError {
  return new OutboxError(
    'OUTBOX_SOURCE_FAILED',
    `The sequence ${sequence} was set back (a restore, setval, or truncate … restart identity): positions are used a second time. Reading starts again from the table.`,
  )
}
