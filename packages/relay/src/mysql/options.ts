import type { ConnectionOptions } from 'mysql2/promise'
import {
  invalidOption,
  requireOneConnection,
  requireUrl,
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
  if (pool !== undefined) {
    requirePool(pool)
    return {}
  }
  if (url === undefined) return { ...config }
  requireUrl('mysqlSource', url, {
    schemes: ['mysql', 'mysql2', 'mariadb'],
    example: 'mysql://user:password@host:3306/database',
    other: "For PostgreSQL there is postgresSource() of '@outboxkit/relay/postgres'.",
  })
  refuseTlsParameters(url)
  return { uri: url }
}

/** mysql2 ignores these; somebody who writes them wants TLS, or something of Prisma's. */
function refuseTlsParameters(url: string): void {
  const found = [...new URL(url).searchParams.keys()].find((name) => /^(ssl.+|use_?ssl|tls.*)$/i.test(name))
  if (found === undefined) return
  throw invalidOption(
    `mysqlSource(): the URL's parameter ${found} is not known to mysql2 and would be ignored. For TLS give config: { uri, ssl: {} } instead of url.`,
  )
}

function requirePool(pool: MysqlPool): void {
  if (typeof pool.getConnection === 'function') return
  throw invalidOption(
    'mysqlSource(): pool must be a pool of mysql2 or mysql2/promise, as createPool() makes it.',
  )
}

/** How a pool of `mysql2` connects, so that others can as well; its pool of promises has one of callbacks inside. */
export function poolConfig(pool: MysqlPool): Readonly<Record<string, unknown>> {
  const { config, pool: inner } = pool as PoolInside
  const found = (config ?? inner?.config)?.connectionConfig ?? {}
  const names = ['host', 'port', 'user', 'password', 'database', 'socketPath', 'ssl'] as const
  return Object.fromEntries(names.flatMap((name) => (found[name] ? [[name, found[name]]] : [])))
}

interface PoolInside {
  readonly config?: { readonly connectionConfig?: Readonly<Record<string, unknown>> }
  readonly pool?: PoolInside
}
