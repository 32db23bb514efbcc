import { resolveOptions, type PostgresSourceOptions } from './options.js'
import { PollSource, type PostgresSource } from './poll-source.js'

export type { PgPool, PgPoolClient } from './connection.js'
export type { PostgresSourceInternals, PostgresSourceOptions } from './options.js'
export type { PostgresSource } from './poll-source.js'
export type { ReaderStats } from './reader.js'

/**
 * Reads an outbox table of PostgreSQL by polling, in order and without a saved cursor. Connects to nothing
 * before it is used.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an option that is unknown or malformed. The source throws
 * `OUTBOX_SOURCE_UNSUPPORTED` when the table cannot be read in order and `OUTBOX_SOURCE_FAILED` when the
 * database does not answer; neither ever contains the password.
 */
export function postgresSource(options: PostgresSourceOptions): PostgresSource {
  return new PollSource(resolveOptions(options))
}
