import type { SqlExecutor } from './executor.js'
import { question, type ConnectionWatch } from './mysql2-watch.js'
import { broken } from './transaction-errors.js'

/** Where a transaction is on its connection. */
export interface WatchedTransaction {
  readonly watch: ConnectionWatch
  /** The watch's when the transaction was there. Undefined: it is not known whether it still is. */
  readonly epoch: number | undefined
}

type Mysql2Members = Required<
  Pick<SqlExecutor, 'assertOpen' | 'assertUnbroken' | 'keepsBackslashes' | 'isBusy' | 'isCommitted'>
>

/**
 * The members of an executor that a watched connection of mysql2 answers. `watched` gives undefined while it is not
 * known, or when the driver is another one.
 */
export function mysql2Members(
  watched: () => WatchedTransaction | undefined,
  execute: SqlExecutor['execute'],
): Mysql2Members {
  /** True, or undefined for: ask. */
  const known = ({ watch, epoch }: WatchedTransaction): true | undefined => {
    if (epoch !== undefined) watch.assertEpoch(epoch)
    if (watch.isInTransaction === false) throw broken('its connection is outside of any transaction')
    return watch.isInTransaction
  }
  return {
    assertOpen() {
      const transaction = watched()
      if (transaction?.epoch !== undefined) transaction.watch.assertEpoch(transaction.epoch)
    },
    isCommitted() {
      const transaction = watched()
      return transaction?.epoch !== undefined && transaction.watch.isCommittedSince(transaction.epoch)
    },
    assertUnbroken() {
      const transaction = watched()
      if (transaction === undefined) return undefined
      if (known(transaction) === true) return true
      return execute({ strings: [question], values: [] }).then(() => {
        // Something else may be under way by now, which changes nothing of what the answer has said.
        known(transaction)
        return true
      })
    },
    keepsBackslashes: () => watched()?.watch.keepsBackslashes,
    isBusy: () => watched()?.watch.isBusy === true,
  }
}
