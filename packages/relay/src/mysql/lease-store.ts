import { isOutboxError, type OutboxTable } from '@outboxkit/core'
import type { Lease, LeaseState, LeaseStore, OwnerError } from '../source.js'
import type { Connection, RawRow, Run } from './connection.js'
import { text } from './decode.js'
import { errno } from './errors.js'
import { inspect } from './inspect.js'
import {
  insertLease,
  lockWholeLease,
  readLease,
  releaseLease,
  renewLease,
  takeLease,
} from './lease-statements.js'

/** The shortest time that an answer is waited for, in ms. */
const leastTimeoutMs = 500

const errorsToExplain: readonly unknown[] = [
  errno.noTable,
  errno.noColumn,
  errno.tableDenied,
  errno.columnDenied,
  errno.readOnly,
  errno.readOnlyTransaction,
]

/**
 * The lease row, on a connection of its own: a renewal waits behind no read and no settlement. An answer that
 * does not come within a third of the term counts as a broken connection, so that another try is left.
 */
export class MysqlLeaseStore implements LeaseStore {
  readonly #connection: Connection
  readonly #table: OutboxTable

  constructor(connection: Connection, table: OutboxTable) {
    this.#connection = connection
    this.#table = table
  }

  look(): Promise<LeaseState> {
    return this.#explained(async () => {
      const query: Run = (statement) => this.#connection.query(statement)
      const [row] = (await query(readLease(this.#table))).rows
      if (row !== undefined) return toState(row)
      await query(insertLease(this.#table))
      return toState((await query(readLease(this.#table))).rows[0] ?? [])
    })
  }

  async acquire(request: {
    owner: string
    termMs: number
    unchangedSince?: Pick<LeaseState, 'epoch' | 'renewals'> | undefined
  }): Promise<{ lease: Lease; unclean: boolean } | undefined> {
    const { owner, termMs, unchangedSince } = request
    // adds the row that is missing, and waits for no lock where somebody else has the lease
    const before = await this.look()
    if (!isFree(before, unchangedSince)) return undefined
    return this.#explained(() =>
      this.#connection.transaction(async (run) => {
        const state = toState((await run(lockWholeLease(this.#table), answerTime(termMs))).rows[0] ?? [])
        if (!isFree(state, unchangedSince)) return undefined
        await run(takeLease(this.#table, owner, termMs))
        return { lease: { owner, epoch: state.epoch + 1 }, unclean: state.owner !== null }
      }),
    )
  }

  async renew(lease: Lease, termMs: number, error?: OwnerError): Promise<boolean> {
    const { affected } = await this.#connection.query(
      renewLease(this.#table, lease, termMs, error),
      answerTime(termMs),
    )
    return affected > 0
  }

  async release(lease: Lease, error?: OwnerError): Promise<void> {
    await this.#connection.query(releaseLease(this.#table, lease, error))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** The lease is the first thing that a relay touches: says what is wrong with the tables, not with the statement. */
  async #explained<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body()
    } catch (error) {
      if (isOutboxError(error) && errorsToExplain.includes(error.details['errno']))
        await inspect(this.#connection, this.#table)
      throw error
    }
  }
}

function isFree(
  { owner, expired, epoch, renewals }: LeaseState,
  since: Pick<LeaseState, 'epoch' | 'renewals'> | undefined,
): boolean {
  return owner === null || expired || (since?.epoch === epoch && since.renewals === renewals)
}

function answerTime(termMs: number): number {
  return Math.max(leastTimeoutMs, termMs / 3)
}

function toState([owner, epoch, renewals, expired]: RawRow): LeaseState {
  return {
    owner: text(owner),
    epoch: Number(epoch),
    renewals: Number(renewals),
    expired: Number(expired) === 1,
  }
}
