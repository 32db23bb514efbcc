import { isOutboxError, type OutboxTable } from '@outboxkit/core'
import type { Lease, LeaseState, LeaseStore, OwnerError } from '../source.js'
import type { Connection, RawRow, Statement } from './connection.js'
import { inspect } from './inspect.js'
import { insertLease, readLease, releaseLease, renewLease, takeLease } from './lease-statements.js'

/** The shortest time that an answer is waited for, in ms. */
const leastTimeoutMs = 500

// no such table; no right to it; read-only (a replica)
const statesToExplain: readonly unknown[] = ['42P01', '42501', '25006']

/**
 * The lease row, on a connection of its own: a renewal waits behind no read and no settlement. An answer that
 * does not come within a third of the term counts as a broken connection, so that another try is left.
 */
export class PostgresLeaseStore implements LeaseStore {
  readonly #connection: Connection
  readonly #table: OutboxTable

  constructor(connection: Connection, table: OutboxTable) {
    this.#connection = connection
    this.#table = table
  }

  async look(): Promise<LeaseState> {
    const row = await this.#explained(() => this.#row())
    return {
      owner: row[0] ?? null,
      epoch: Number(row[1]),
      renewals: Number(row[2]),
      expired: row[3] === 'true',
    }
  }

  async acquire(request: {
    owner: string
    termMs: number
    unchangedSince?: Pick<LeaseState, 'epoch' | 'renewals'> | undefined
  }): Promise<{ lease: Lease; unclean: boolean } | undefined> {
    const { owner, termMs, unchangedSince } = request
    return this.#explained(async () => {
      await this.#row()
      const [taken] = await this.#query(takeLease(this.#table, owner, termMs, unchangedSince), termMs)
      if (taken === undefined) return undefined
      return { lease: { owner, epoch: Number(taken[0]) }, unclean: taken[1] === 'true' }
    })
  }

  async renew(lease: Lease, termMs: number, error?: OwnerError): Promise<boolean> {
    return (await this.#query(renewLease(this.#table, lease, termMs, error), termMs)).length > 0
  }

  async release(lease: Lease, error?: OwnerError): Promise<void> {
    await this.#query(releaseLease(this.#table, lease, error))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** The row of the table, added if it is missing. */
  async #row(): Promise<RawRow> {
    const [row] = await this.#query(readLease(this.#table))
    if (row !== undefined) return row
    await this.#query(insertLease(this.#table))
    return (await this.#query(readLease(this.#table)))[0] ?? []
  }

  #query(statement: Statement, termMs?: number): Promise<readonly RawRow[]> {
    const timeoutMs = termMs === undefined ? undefined : Math.max(leastTimeoutMs, termMs / 3)
    return this.#connection.query(statement, timeoutMs)
  }

  /** The lease is the first thing that a relay touches: says what is wrong with the tables, not with the statement. */
  async #explained<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body()
    } catch (error) {
      if (isOutboxError(error) && statesToExplain.includes(error.details['sqlState']))
        await inspect(this.#connection, this.#table)
      throw error
    }
  }
}
