import { OutboxError, qualifiedName } from '@outboxkit/core'
import { refuseFatal, type SourceProblem } from '../problem.js'
import { toBacklog, type PollingBackend } from '../polling-source.js'
import type { HeldRow, HeldScope, HeldSettlement, Lease, Settlement } from '../source.js'
import { inspectArchive } from './archive-inspect.js'
import { Connection } from './connection.js'
import { toHeldRow, toScope } from './decode.js'
import { findProblems, inspect } from './inspect.js'
import { PostgresLeaseStore } from './lease-store.js'
import { storeFingerprint } from './lease-statements.js'
import type { ResolvedSourceOptions } from './options.js'
import { Reader } from './reader.js'
import { pruneStep, settleEvents, settleHeldRows } from './settle.js'
import { readHeldRows, readRequestedScopes, readScopes } from './settle-statements.js'
import { readBacklog, readIdentity, readTime } from './statements.js'

/** Three connections, each opened when it is needed: reads, settlements, and the lease. */
export class PostgresBackend implements PollingBackend<Reader> {
  readonly name: string
  readonly leases: PostgresLeaseStore
  readonly #options: ResolvedSourceOptions
  readonly #reads: Connection
  readonly #settles: Connection

  constructor(options: ResolvedSourceOptions) {
    this.#options = options
    this.name = `postgres ${qualifiedName(options.table, 'postgres')}`
    this.#reads = new Connection(options.connect, 'reading')
    this.#settles = new Connection(options.connect, 'settling')
    this.leases = new PostgresLeaseStore(new Connection(options.connect, 'lease'), options.table)
  }

  async open(lease: Lease): Promise<Reader> {
    const { table, onWarning } = this.#options
    const { warnings, server, sequence, relations } = await inspect(this.#reads, table)
    refuseFatal(await this.#archiveProblems())
    for (const warning of warnings) onWarning(warning)
    const [row] = await this.#reads.query(readIdentity(table))
    const identity = row?.[0] ?? ''
    await this.#rememberServer(lease, server, identity)
    const reader = new Reader(this.#reads, this.#options, { sequence, relations, server, identity })
    await reader.start()
    return reader
  }

  async inspect(): Promise<readonly SourceProblem[]> {
    const problems = await findProblems(this.#reads, this.#options.table)
    return [...problems, ...(await this.#archiveProblems())]
  }

  async time(): Promise<number> {
    const [row] = await this.#reads.query(readTime)
    return Number(row?.[0])
  }

  settle(lease: Lease, settlement: Settlement): Promise<void> {
    const { table, cleanup } = this.#options
    return settleEvents(this.#settles, table, lease, settlement, cleanup)
  }

  async heldScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readScopes(this.#options.table))).map(toScope)
  }

  async readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    const { table, maxBatchBytes } = this.#options
    const rows = await this.#settles.query(readHeldRows(table, scope, limit, maxBatchBytes))
    return rows.map((row) => toHeldRow(row, scope, table.payload === 'bytes'))
  }

  async requestedScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readRequestedScopes(this.#options.table))).map(toScope)
  }

  settleHeld(lease: Lease, scope: HeldScope, settlement: HeldSettlement): Promise<boolean> {
    const { table, cleanup } = this.#options
    return settleHeldRows(this.#settles, table, lease, scope, settlement, cleanup)
  }

  get prune(): ((lease: Lease) => Promise<boolean>) | undefined {
    const { table, retentionMs } = this.#options
    return retentionMs === undefined
      ? undefined
      : (lease) => pruneStep(this.#settles, table, lease, retentionMs)
  }

  async backlog(atMost: number): Promise<{ rows: number; oldestAgeMs: number | null }> {
    const [row] = await this.#settles.query(readBacklog(this.#options.table, atMost))
    return toBacklog(row?.[0], row?.[1])
  }

  async #archiveProblems(): Promise<readonly SourceProblem[]> {
    const { table, cleanup, retentionMs } = this.#options
    return cleanup === 'archive' ? inspectArchive(this.#reads, table, retentionMs !== undefined) : []
  }

  interrupt(): Promise<void> {
    return this.#reads.close()
  }

  async close(): Promise<void> {
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
}
