import type { ConnectionOptions } from 'mysql2/promise'
import {
  invalidOption,
  requireOneConnection,
  resolvePolling,
  type PollingInternals,
  type PollingOptions,
  type ResolvedPollingOptions,
} from '../polling-options.js'
import type { ConnectOptions, MysqlPool } from './connection.js'

/** For tests only, not covered by semantic versioning. */
export interface MysqlSourceInternals extends PollingInternals {
  /** Only these ways to see who inserts are used; by default whatever the server and the rights allow. */
  readonly witness?: 'open' | 'statements' | 'sessions' | undefined
}

export interface MysqlSourceOptions extends PollingOptions {
  /** `mysql://user:password@host:port/database`. One of `url`, `config` and `pool` is needed. */
  readonly url?: string | undefined
  /** What `createConnection()` of `mysql2` takes: for TLS, a socket, another way to authenticate. */
  readonly config?: ConnectionOptions | undefined
  /** A pool of `mysql2` or `mysql2/promise`. Up to three of its connections are kept for as long as the source is open, then destroyed. */
  readonly pool?: MysqlPool | undefined
  readonly internal?: MysqlSourceInternals | undefined
}

/** {@link MysqlSourceOptions} with the defaults filled in. */
export interface ResolvedSourceOptions extends ResolvedPollingOptions {
  readonly connect: ConnectOptions
  readonly witness: MysqlSourceInternals['witness']
}

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for what is unknown or malformed. */
export function resolveOptions(options: MysqlSourceOptions): ResolvedSourceOptions {
  const polling = resolvePolling('mysqlSource', options, ['witness'])
  const { connectTimeoutMs, statementTimeoutMs } = polling
  return {
    ...polling,
    connect: {
      config: resolveConfig(options),
      pool: options.pool,
      schema: polling.table.schema,
      connectTimeoutMs,
      statementTimeoutMs,
    },
    witness: options.internal?.witness,
  }
}

function resolveConfig({ url, config, pool }: MysqlSourceOptions): ConnectionOptions {
  requireOneConnection('mysqlSource', { url, config, pool })
  if (pool !== undefined) return {}
  if (url === undefined) return { ...config }
  const scheme = /^([a-z0-9+]+):\/\//i.exec(url)?.[1]?.toLowerCase()
  // The driver's own error would repeat the URL, password and all.
  if (!['mysql', 'mysql2', 'mariadb'].includes(scheme ?? '') || !URL.canParse(url) || !decodes(new URL(url)))
    throw invalidOption(
      'The database URL cannot be parsed. It must look like mysql://user:password@host:3306/database, with special characters in the password percent-encoded.',
    )
  return { uri: url }
}

function decodes({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}
