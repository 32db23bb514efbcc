import { OutboxError, qualifiedName, type StoredEvent } from '@outboxkit/core'
import type { Batch, HeldEvent, HeldRow, HeldScope, Lease, Settlement, Source } from '../source.js'
import { Connection } from './connection.js'
import { toHeldRow, toScope } from './decode.js'
import { inspect } from './inspect.js'
import { lockFingerprint, storeFingerprint } from './lease-statements.js'
import { MysqlLeaseStore } from './lease-store.js'
import type { ResolvedSourceOptions } from './options.js'
import { Reader, type ReaderStats } from './reader.js'
import { settleEvents, settleHeldRows } from './settle.js'
import { readHeldRows, readRequestedScopes, readScopes } from './settle-statements.js'
import { readBacklog } from './statements.js'
import { Witness } from './witness.js'

/** A {@link Source} on a table of MySQL or MariaDB that is polled. */
export interface MysqlSource extends Source {
  /** Counters since `open()`, for metrics and tests; `undefined` while closed. */
  readonly stats: ReaderStats | undefined
}

interface Opened {
  readonly lease: Lease
  readonly reader: Reader
}

/** Three connections, each opened when it is needed: reads, settlements, and the lease. */
export class PollSource implements MysqlSource {
  readonly name: string
  readonly leases: MysqlLeaseStore
  readonly #options: ResolvedSourceOptions
  readonly #reads: Connection
  readonly #settles: Connection
  #opened: Opened | undefined
  /** The last fingerprint: what an interrupted read answers with. */
  #fingerprint = ''

  constructor(options: ResolvedSourceOptions) {
    this.#options = options
    this.name = `mysql ${qualifiedName(options.table, 'mysql')}`
    this.#reads = new Connection(options.connect, 'reading')
    this.#settles = new Connection(options.connect, 'settling', { isShort: true })
    this.leases = new MysqlLeaseStore(
      new Connection(options.connect, 'lease', { isShort: true }),
      options.table,
    )
  }

  get stats(): ReaderStats | undefined {
    return this.#opened?.reader.stats
  }

  async open(lease: Lease): Promise<void> {
    await this.close()
    const { table, onWarning, witness: only } = this.#options
    const { warnings, server, place } = await inspect(this.#reads, table)
    for (const warning of warnings) onWarning(warning)
    const witness = await Witness.choose(place, { reads: this.#reads, settles: this.#settles }, only)
    await this.#rememberServer(lease, server)
    const reader = new Reader(this.#reads, this.#options, { place, server, witness })
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
    return (await this.#settles.query(readScopes(this.#options.table))).rows.map(toScope)
  }

  /** May return fewer than `limit` rows of a scope that has more: they are bounded by `maxBatchBytes` as well. */
  async readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    const { table, maxBatchBytes } = this.#options
    const { rows } = await this.#settles.query(readHeldRows(table, scope, limit, maxBatchBytes))
    return rows.map((row) => toHeldRow(row, scope))
  }

  async requestedScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readRequestedScopes(this.#options.table))).rows.map(toScope)
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
    const lowest = this.#opened?.reader.lowest ?? 0
    const [row] = (await this.#settles.query(readBacklog(this.#options.table, atMost, lowest))).rows
    const age = row?.[1] ?? null
    return { rows: Number(row?.[0]), oldestAgeMs: age === null ? null : Math.max(0, Number(age)) }
  }

  async close(): Promise<void> {
    this.#opened = undefined
    await Promise.all([this.#reads.close(), this.#settles.close()])
  }

  /** The server of the last owner is in the lease row: another one may lack what was published. */
  async #rememberServer(lease: Lease, server: string): Promise<void> {
    const { table, onWarning } = this.#options
    const before = await this.#settles.transaction(async (run) => {
      const [row] = (await run(lockFingerprint(table, lease))).rows
      if (row !== undefined) await run(storeFingerprint(table, server))
      return row
    })
    if (before === undefined)
      throw new OutboxError('OUTBOX_LEASE_LOST', 'The lease is lost: another relay has taken it over.')
    const stored = before[0] ?? null
    if (stored === null || String(stored) === server) return
    onWarning(
      `This is not the server that the outbox was read from before (${String(stored)}, now ${server}): a failover or a restore. Events published lately may come from commits that were lost with it.`,
    )
  }

  #requireOpen(): Opened {
    if (this.#opened !== undefined) return this.#opened
    throw new OutboxError('OUTBOX_SOURCE_FAILED', `${this.name} is not open. Call open() first.`)
  }
}
