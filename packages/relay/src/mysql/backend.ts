import { OutboxError, qualifiedName } from '@outboxkit/core'
import { refuseFatal, type SourceProblem } from '../problem.js'
import { toBacklog, type PollingBackend } from '../polling-source.js'
import type { HeldRow, HeldScope, HeldSettlement, Lease, Settlement } from '../source.js'
import { inspectArchive } from './archive-inspect.js'
import { Connection } from './connection.js'
import { toHeldRow, toScope } from './decode.js'
import { findProblems, inspect } from './inspect.js'
import { lockFingerprint, storeFingerprint } from './lease-statements.js'
import { MysqlLeaseStore } from './lease-store.js'
import type { ResolvedSourceOptions } from './options.js'
import { Reader } from './reader.js'
import { pruneStep, settleEvents, settleHeldRows } from './settle.js'
import { readHeldRows, readRequestedScopes, readScopes } from './settle-statements.js'
import { readBacklog, readTime } from './statements.js'
import { missingGrant, Witness } from './witness.js'

/** Three connections, each opened when it is needed: reads, settlements, and the lease. */
export class MysqlBackend implements PollingBackend<Reader> {
  readonly name: string
  readonly leases: MysqlLeaseStore
  readonly #options: ResolvedSourceOptions
  readonly #reads: Connection
  readonly #settles: Connection

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

  async open(lease: Lease): Promise<Reader> {
    const { table, onWarning, witness: only } = this.#options
    const { warnings, server, place } = await inspect(this.#reads, table)
    refuseFatal(await this.#archiveProblems())
    for (const warning of warnings) onWarning(warning)
    const witness = await Witness.choose(place, { reads: this.#reads, settles: this.#settles }, only)
    await this.#rememberServer(lease, server)
    const reader = new Reader(this.#reads, this.#options, { place, server, witness })
    await reader.start()
    return reader
  }

  async inspect(): Promise<readonly SourceProblem[]> {
    const { problems: found, place } = await findProblems(this.#reads, this.#options.table)
    if (place === undefined) return found
    const problems = [...found, ...(await this.#archiveProblems())]
    const connections = { reads: this.#reads, settles: this.#settles }
    const { kind } = await Witness.choose(place, connections, this.#options.witness)
    return kind === 'open' ? [...problems, unnamed] : problems
  }

  async time(): Promise<number> {
    const [row] = (await this.#reads.query(readTime)).rows
    return Number(row?.[0])
  }

  settle(lease: Lease, settlement: Settlement): Promise<void> {
    const { table, cleanup } = this.#options
    return settleEvents(this.#settles, table, lease, settlement, cleanup)
  }

  async heldScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readScopes(this.#options.table))).rows.map(toScope)
  }

  async readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    const { table, maxBatchBytes } = this.#options
    const { rows } = await this.#settles.query(readHeldRows(table, scope, limit, maxBatchBytes))
    return rows.map((row) => toHeldRow(row, scope))
  }

  async requestedScopes(): Promise<readonly HeldScope[]> {
    return (await this.#settles.query(readRequestedScopes(this.#options.table))).rows.map(toScope)
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

  async backlog(
    atMost: number,
    reader: Reader | undefined,
  ): Promise<{ rows: number; oldestAgeMs: number | null }> {
    const statement = readBacklog(this.#options.table, atMost, reader?.lowest ?? 0)
    const [row] = (await this.#settles.query(statement)).rows
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
}

const unnamed: SourceProblem = {
  check: 'witness',
  severity: 'info',
  found:
    'Who is inserting can be seen but not named: with very many writers, positions of rolled back rows are looked for longer than they have to be. Nothing is lost or reordered.',
  todo: `If the table is written all the time, ${missingGrant}.`,
}
