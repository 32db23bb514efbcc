import type { Dialect, SqlStatement } from './statement.js'

/**
 * The whole seam between Outboxkit and an ORM: carries one statement into a transaction that the application
 * has opened. An executor never opens, commits or rolls back a transaction, and is bound to one handle.
 */
export interface SqlExecutor {
  readonly dialect: Dialect
  /** Resolves when the database has executed the statement; the result is not looked at. */
  execute(statement: SqlStatement): Promise<unknown>
  /** Throws `OUTBOX_TRANSACTION_ENDED` when the transaction is known to have ended. */
  assertOpen?(): void
  /**
   * True when it is known that no statement of the transaction has failed (PostgreSQL aborts a transaction at
   * the first failed statement). False or undefined: not known, which costs one round trip before COMMIT.
   */
  isHealthy?(): boolean | undefined
  /** True when another statement is known to be under way on the connection. */
  isBusy?(): boolean
}
