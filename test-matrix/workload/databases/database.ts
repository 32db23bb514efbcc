import type { Dialect } from '@outboxkit/core'
import type { SqlConnection } from '../../checker/databases/index.js'
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
  /** Makes what tells the relays of a run from other clients of the server, if anything is needed. */
  prepareRelays(connection: SqlConnection, place: LedgerPlace): Promise<void>
  /** The URL for a relay of a run. */
  relayUrl(url: string, schema: string): string
  /** Ends all connections of the relays of a run, and says how many there were. */
  endRelayConnections(connection: SqlConnection, place: LedgerPlace): Promise<number>
  /** Takes back what `prepareRelays` has made. */
  forgetRelays(connection: SqlConnection, place: LedgerPlace): Promise<void>
}

export const foreignTable = 'foreign_writes'
