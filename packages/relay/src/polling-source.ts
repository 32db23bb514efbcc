import { OutboxError } from '@outboxkit/core'
import type { SourceProblem } from './problem.js'
import type {
  Batch,
  HeldRow,
  HeldScope,
  HeldSettlement,
  Lease,
  LeaseStore,
  Settlement,
  Source,
} from './source.js'

/** What the counters of every reader have in common. */
export interface PollingStats {
  /** Positions that are open now. */
  readonly holes: number
}

/** Reads in order from the start of the table; lives from `open()` to `close()`. */
export interface PollingReader<Stats extends PollingStats> {
  readonly fingerprint: string
  readonly stats: Stats
  read(): Promise<Batch>
  /** From here on its memory is not to be relied on: `read` throws, and says why. */
  end(why: string): void
  settled(position: number): void
  /** Throws when numbers are handed out a second time. */
  assertNotRewound(): void
}

/** One database, seen by a {@link PollingSource}: statements only, no state. */
export interface PollingBackend<Reader> {
  readonly name: string
  readonly leases: LeaseStore
  /** Connects, refuses what cannot be read in order, and notes which server it is under the lease. */
  open(lease: Lease): Promise<Reader>
  inspect(): Promise<readonly SourceProblem[]>
  /** The database's time, in ms since 1970. */
  time(): Promise<number>
  settle(lease: Lease, settlement: Settlement): Promise<void>
  heldScopes(): Promise<readonly HeldScope[]>
  readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]>
  requestedScopes(): Promise<readonly HeldScope[]>
  settleHeld(lease: Lease, scope: HeldScope, settlement: HeldSettlement): Promise<boolean>
  /** One step; `undefined`: nothing is ever pruned. */
  readonly prune: ((lease: Lease) => Promise<boolean>) | undefined
  backlog(atMost: number, reader: Reader | undefined): Promise<{ rows: number; oldestAgeMs: number | null }>
  /** Ends a read that is under way; settling goes on. */
  interrupt(): Promise<void>
  close(): Promise<void>
}

/** A {@link Source} on a table that is polled. */
export interface PollingSource<Stats> extends Source {
  /** Counters since `open()`, for metrics and tests; `undefined` while closed. */
  readonly stats: Stats | undefined
  inspect(): Promise<readonly SourceProblem[]>
}

/** What is the same for every database: who is open, and what an error or an abort means for the memory. */
export class PollSource<
  Stats extends PollingStats,
  Reader extends PollingReader<Stats>,
> implements PollingSource<Stats> {
  readonly #backend: PollingBackend<Reader>
  #opened: { readonly lease: Lease; readonly reader: Reader } | undefined
  /** The last fingerprint: what an interrupted read answers with. */
  #fingerprint = ''
  #clockOffsetMs = 0

  constructor(backend: PollingBackend<Reader>) {
    this.#backend = backend
  }

  get name(): string {
    return this.#backend.name
  }

  get leases(): LeaseStore {
    return this.#backend.leases
  }

  get stats(): Stats | undefined {
    return this.#opened?.reader.stats
  }

  get openPositions(): number {
    return this.stats?.holes ?? 0
  }

  get clockOffsetMs(): number {
    return this.#clockOffsetMs
  }

  inspect(): Promise<readonly SourceProblem[]> {
    return this.#backend.inspect()
  }

  async open(lease: Lease): Promise<void> {
    await this.close()
    const reader = await this.#backend.open(lease)
    const askedAt = Date.now()
    const time = await this.#backend.time()
    // The answer is from half-way between question and answer.
    this.#clockOffsetMs = time - (askedAt + Date.now()) / 2
    this.#fingerprint = reader.fingerprint
    this.#opened = { lease, reader }
  }

  async read(signal: AbortSignal): Promise<Batch> {
    const { reader } = this.#requireOpen()
    const nothing: Batch = { events: [], truncated: false, fingerprint: this.#fingerprint }
    if (signal.aborted) return nothing
    // An interrupted read may have taken rows that it never returns: what is in memory ends with it.
    const interrupt = (): void => {
      reader.end('the read was aborted')
      void this.#backend.interrupt()
    }
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      const batch = await reader.read()
      this.#fingerprint = batch.fingerprint
      return batch
    } catch (error) {
      if (signal.aborted) return nothing
      reader.end('a read has failed')
      throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }

  async settle(settlement: Settlement): Promise<void> {
    const { lease, reader } = this.#requireOpen()
    // Where numbers are handed out a second time, a position no longer names the row that was published.
    reader.assertNotRewound()
    await this.#backend.settle(lease, settlement)
    for (const { position } of settlement.done) reader.settled(position)
    for (const { position } of settlement.skipped ?? []) reader.settled(position)
    for (const { event } of settlement.held) reader.settled(event.position)
  }

  heldScopes(): Promise<readonly HeldScope[]> {
    return this.#backend.heldScopes()
  }

  /** May return fewer than `limit` rows of a scope that has more: they are bounded by `maxBatchBytes` as well. */
  readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    return this.#backend.readHeld(scope, limit)
  }

  requestedScopes(): Promise<readonly HeldScope[]> {
    return this.#backend.requestedScopes()
  }

  async settleHeld(scope: HeldScope, settlement: HeldSettlement): Promise<boolean> {
    return this.#backend.settleHeld(this.#requireOpen().lease, scope, settlement)
  }

  get prune(): (() => Promise<boolean>) | undefined {
    const { prune } = this.#backend
    return prune === undefined ? undefined : async () => prune(this.#requireOpen().lease)
  }

  backlog(atMost: number): Promise<{ rows: number; oldestAgeMs: number | null }> {
    return this.#backend.backlog(atMost, this.#opened?.reader)
  }

  async close(): Promise<void> {
    this.#opened = undefined
    await this.#backend.close()
  }

  #requireOpen(): { readonly lease: Lease; readonly reader: Reader } {
    if (this.#opened !== undefined) return this.#opened
    throw new OutboxError('OUTBOX_SOURCE_FAILED', `${this.name} is not open. Call open() first.`)
  }
}

/** The answer of a server about its backlog: rows, and the age of the first one in ms or null. */
export function toBacklog(rows: unknown, age: unknown): { rows: number; oldestAgeMs: number | null } {
  return { rows: Number(rows), oldestAgeMs: age == null ? null : Math.max(0, Number(age)) }
}
