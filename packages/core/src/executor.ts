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
  /**
   * MySQL and MariaDB end a transaction behind the application's back (a deadlock rolls it back, DDL commits it),
   * and what follows commits on its own. True when it is known that the transaction is still the one that was
   * opened; throws when it is known that it is not. Undefined, or without this member: not known, and core proves
   * it by savepoints, which cost round trips. Asked before each INSERT and, as the last thing, before COMMIT or the
   * release of a nested transaction.
   */
  assertUnbroken?(before?: 'insert' | 'commit'): boolean | undefined | Promise<boolean | undefined>
  /** MySQL and MariaDB: true when what was written is known to be committed already, so that no ROLLBACK undoes it. */
  isCommitted?(): boolean
  /**
   * MySQL and MariaDB: true when quotes and backslashes in a parameter are known to arrive as they are, also under
   * the SQL mode NO_BACKSLASH_ESCAPES. Else such text goes out in hexadecimal, which always arrives.
   */
  keepsBackslashes?(): boolean | undefined
}
