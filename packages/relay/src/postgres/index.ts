import { withOrigin } from '../origin.js'
import { PollSource, type PollingSource } from '../polling-source.js'
import { PostgresBackend } from './backend.js'
import { resolveOptions, type PostgresSourceOptions } from './options.js'
import type { ReaderStats } from './reader.js'

export type { PgPool, PgPoolClient } from './connection.js'
export type { PostgresSourceInternals, PostgresSourceOptions } from './options.js'
export type { ReaderStats }

/** A source on a table of PostgreSQL that is polled. */
export type PostgresSource = PollingSource<ReaderStats>

/**
 * Reads an outbox table of PostgreSQL by polling, in order and without a saved cursor. Connects to nothing
 * before it is used.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an option that is unknown or malformed. The source throws
 * `OUTBOX_SOURCE_UNSUPPORTED` when the table cannot be read in order and `OUTBOX_SOURCE_FAILED` when the
 * database does not answer; neither ever contains the password.
 */
export function postgresSource(options: PostgresSourceOptions): PostgresSource {
  const resolved = resolveOptions(options)
  const { url } = options
  return withOrigin(new PollSource(new PostgresBackend(resolved)), {
    dialect: 'postgres',
    table: resolved.table,
    ...(url === undefined ? { config: { ...resolved.connect.config } } : { url }),
  })
}
