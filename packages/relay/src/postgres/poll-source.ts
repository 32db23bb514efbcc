import { OutboxError, qualifiedName, type StoredEvent } from '@outboxkit/core'
import type { Batch, HeldEvent, HeldRow, HeldScope, Lease, Settlement, Source } from '../source.js'
import { Connection } from './connection.js'
import { toHeldRow, toScope } from './decode.js'
import { inspect } from './inspect.js'
import { PostgresLeaseStore } from './lease-store.js'
import { storeFingerprint } from './lease-statements.js'
import type { ResolvedSourceOptions } from './options.js'
import { Reader, type ReaderStats } from './reader.js'
import { settleEvents, settleHeldRows } from './settle.js'
import { readHeldRows, readRequestedScopes, readScopes } from './settle-statements.js'
import { readBacklog, readIdentity } from './statements.js'

/** A {@link Source} on a PostgreSQL table that is polled. */
export interface PostgresSource extends Source {
  /** Counters since `open()`, for metrics and tests; `undefined` while closed. */
  readonly stats: ReaderStats | undefined
}

interface Opened {
  readonly lease: Lease
  readonly reader: Reader
}

/** Three connections, each opened when it is needed: reads, settlements, and the lease. */
export class PollSource implements PostgresSource {
  readonly name: string
  readonly leases: PostgresLeaseStore
  readonly #options: ResolvedSourceOptions
  readonly #reads: Connection
  readonly #settles: Connection
  #opened: Opened | undefined
  /** The last fingerprint: what an interrupted read answers with. */
  #fingerprint = ''

  constructor(options: ResolvedSourceOptions) {
    this.#options = options
    this.name = `postgres ${qualifiedName(options.table, 'postgres')}`
    this.#reads = new Connection(options.connect, 'reading')
    this.#settles = new Connection(options.connect, 'settling')
    this.leases = new PostgresLeaseStore(new Connection(options.connect, 'lease'), options.table)
  }

  get stats(): ReaderStats | undefined {
    return this.#opened?.reader.stats
  }

  async open(lease: Lease): Promise<void> {
    await this.close()
    const { table, onWarning } = this.#options
    const { warnings, server, sequence, relations } = await inspect(this.#reads, table)
    for (const warning of warnings) onWarning(warning)
    const [row] = await this.#reads.query(readIdentity(table))
    const identity = row?.[0] ?? ''
    await this.#rememberServer(lease, server, identity)
    const reader = new Reader(this.#reads, this.#options, { sequence, relations, server, identity })
    await reader.start()
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
      void this.#reads.close()
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
    await settleEvents(this.#settles, this.#options.table, lease, settlement)
    for (const { position } of settlement.done) reader.settled(position)
    for (const { event } of settlement.held) reader.settled(event.position)
  }

  async heldScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readScopes(this.#options.table))).map(toScope)
  }

  /** May return fewer than `limit` rows of a scope that has more: they are bounded by `maxBatchBytes` as well. */
  async readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    const { table, maxBatchBytes } = this.#options
    const rows = await this.#settles.query(readHeldRows(table, scope, limit, maxBatchBytes))
    return rows.map((row) => toHeldRow(row, scope, table.payload === 'bytes'))
  }

  async requestedScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readRequestedScopes(this.#options.table))).map(toScope)
  }

  async settleHeld(
    scope: HeldScope,
    done: readonly StoredEvent[],
    parked: readonly HeldEvent[] = [],
  ): Promise<boolean> {
    const { lease } = this.#requireOpen()
    return settleHeldRows(this.#settles, this.#options.table, lease, scope, done, parked)
  }

  async backlog(atMost: number): Promise<{ rows: number; oldestAgeMs: number | null }> {
    const [row] = await this.#settles.query(readBacklog(this.#options.table, atMost))
    const age = row?.[1] ?? null
    return { rows: Number(row?.[0]), oldestAgeMs: age === null ? null : Math.max(0, Number(age)) }
  }

  async close(): Promise<void> {
    this.#opened = undefined
    await Promise.all([this.#reads.close(), this.#settles.close()])
  }

  /** The server of the last owner is in the lease row: another history of it may lack what was published. */
  async #rememberServer(lease: Lease, server: string, identity: string): Promise<void> {
    const [before] = await this.#settles.query(
      storeFingerprint(this.#options.table, lease, `${server}/${identity}`),
    )
    if (before === undefined)
      throw new OutboxError('OUTBOX_LEASE_LOST', 'The lease is lost: another relay has taken it over.')
    const stored = before[0]
    if (stored == null || stored.startsWith(`${server}/`)) return
    this.#options.onWarning(
      `This is not the server, or not its history, that the outbox was read from before (${stored.split('/', 2).join('/')}, now ${server}): a failover or a restore. Events published lately may come from commits that were lost with it.`,
    )
  }

  #requireOpen(): Opened {
    if (this.#opened !== undefined) return this.#opened
    throw new OutboxError('OUTBOX_SOURCE_FAILED', `${this.name} is not open. Call open() first.`)
  }
}
