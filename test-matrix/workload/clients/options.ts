import type { LedgerPlace } from '../../checker/ledger.js'

export interface ClientOptions {
  readonly databaseUrl: string
  readonly place: LedgerPlace
  /** Size of the connection pool; each open transaction needs one. */
  readonly connections: number
}
