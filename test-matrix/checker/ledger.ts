/** Where a workload writes its truth, next to the outbox it writes to. */
export interface LedgerPlace {
  readonly schema: string
  /** The outbox table in the same schema; rows that enter it are copied by a trigger. */
  readonly outbox: string
}

/** One aggregate. Its row lock is what orders the events of a key. */
export const aggregatesTable = 'aggregates'
/** One row per event, append-only. */
export const ledgerTable = 'ledger'
/**
 * What a trigger saw entering the outbox, in the same transaction: a second, independent witness. A committed event
 * without a copy was lost by the emitting side, one with a copy by the relay. It also knows the database's
 * `created_at`, which travels in `ce_time`.
 */
export const copyTable = 'outbox_copy'
