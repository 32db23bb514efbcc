import type { Dialect } from '@outboxkit/core'
import type { LedgerPlace } from '../../checker/ledger.js'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'

export interface ClientOptions {
  readonly databaseUrl: string
  readonly place: LedgerPlace
  /** Size of the connection pool; each open transaction needs one. */
  readonly connections: number
}

/** What the workload needs to know about the database it runs on, beyond the ledger. */
export interface WorkloadDatabase {
  readonly dialect: Dialect
  /** One client per ORM. */
  clients(options: ClientOptions): Promise<WorkloadClient[]>
  /** Locks the aggregate's row until the end of the transaction; the next number of its events. */
  nextSeq(tx: WorkloadTransaction, aggregateId: string, place: LedgerPlace): Promise<number>
  /** `$1` to `$9`: event_id, orm, attempt, aggregate_type, aggregate_id, seq, type, payload, headers; all text. */
  insertLedgerSql(place: LedgerPlace): string
  /** A table where no outbox is. */
  createForeignSql(place: LedgerPlace): string
  insertForeignSql(place: LedgerPlace, value: number): string
  /** The URL for a relay whose connections are to be told from others by `application`. */
  relayUrl(url: string, application: string): string
}

export const foreignTable = 'foreign_writes'
