import type { SqlExecutor } from './executor.js'
import { endedByHand, explained, isDivision } from './transaction-errors.js'

/**
 * Throws when a COMMIT sent now would not commit our rows.
 *
 * PostgreSQL answers the COMMIT of a transaction in which a statement has failed with a quiet ROLLBACK, and ORMs
 * take that for success. If the application swallowed such an error after its emits, they would be lost without a
 * word: so ask, unless the adapter knows. `hasRows`: rows of ours were inserted in the transaction.
 */
export async function assertCommittable(executor: SqlExecutor, hasRows: boolean): Promise<void> {
  if (executor.dialect !== 'postgres' || executor.isHealthy?.() === true) return
  // Our rows have given the transaction an id. Without one this is not it: somebody has sent ROLLBACK or COMMIT.
  const question = hasRows
    ? 'select 1 / (case when txid_current_if_assigned() is null then 0 else 1 end)'
    : 'select 1'
  try {
    // The application may have sent a ROLLBACK of its own.
    executor.assertOpen?.()
    // What was queued behind the question could still fail before COMMIT: ask until nothing is.
    do await executor.execute({ strings: [question], values: [] })
    while (executor.isBusy?.() === true)
  } catch (error) {
    throw isDivision(error) ? endedByHand(error) : explained(error)
  }
}
