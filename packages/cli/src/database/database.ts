import type { Dialect } from '@outboxkit/core'

export type Row = Readonly<Record<string, unknown>>

/** Runs one statement; values are bound: `$1 …` on PostgreSQL, `?` on MySQL and MariaDB. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/**
 * One connection for operations: looking, migrating, writing requests. Never used to publish.
 *
 * The same on all databases: 64-bit numbers come back as strings, JSON and moments as text (UTC). Errors are
 * `OutboxError`s without a secret; a statement's own error keeps the server's code in `details.code`.
 */
export interface Database {
  readonly dialect: Dialect
  readonly flavour: 'postgres' | 'mysql' | 'mariadb'
  /** As the server says it, e.g. `18.4` or `11.8.3-MariaDB`. */
  readonly version: string
  /** For people: host, port and database. Never a secret. */
  readonly name: string
  readonly query: Query
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
  close(): Promise<void>
}
