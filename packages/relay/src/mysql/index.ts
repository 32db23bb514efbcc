import { withOrigin } from '../origin.js'
import { PollSource, type PollingSource } from '../polling-source.js'
import { MysqlBackend } from './backend.js'
import { poolConfig, resolveOptions, type MysqlSourceOptions } from './options.js'
import type { ReaderStats } from './reader.js'

export type { MysqlPool } from './connection.js'
export type { MysqlSourceInternals, MysqlSourceOptions } from './options.js'
export type { ReaderStats }

/** A source on a table of MySQL or MariaDB that is polled. */
export type MysqlSource = PollingSource<ReaderStats>

/**
 * Reads an outbox table of MySQL (8.0.14 or newer) or MariaDB (10.6 or newer) by polling, in order and without a
 * saved cursor. Connects to nothing before it is used.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an option that is unknown or malformed. The source throws
 * `OUTBOX_SOURCE_UNSUPPORTED` when the table cannot be read in order and `OUTBOX_SOURCE_FAILED` when the
 * database does not answer; neither ever contains the password.
 */
export function mysqlSource(options: MysqlSourceOptions): MysqlSource {
  const resolved = resolveOptions(options)
  const { url, pool } = options
  const config = pool === undefined ? { ...resolved.connect.config } : poolConfig(pool)
  return withOrigin(new PollSource(new MysqlBackend(resolved)), {
    dialect: 'mysql',
    table: resolved.table,
    ...(url === undefined ? { config } : { url }),
  })
}
