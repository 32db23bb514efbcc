import pg from 'pg'
import type { HoleRule } from '../holes.js'
import {
  invalidOption,
  requireOneConnection,
  requireUrl,
  resolvePolling,
  type PollingInternals,
  type PollingOptions,
  type ResolvedPollingOptions,
} from '../polling-options.js'
import type { ConnectOptions, PgPool } from './connection.js'

/** For tests only, not covered by semantic versioning. */
export interface PostgresSourceInternals extends PollingInternals {
  /** How long holes are probed before they may rest, in ms. Default 1,000. */
  readonly restAfterMs?: number | undefined
}

export interface PostgresSourceOptions extends PollingOptions {
  /** `postgres://user:password@host:port/database`. One of `url`, `config` and `pool` is needed. */
  readonly url?: string | undefined
  /** What `new Client()` of `pg` takes: for TLS, a password function, a socket. */
  readonly config?: pg.ClientConfig | undefined
  /** A pool of `pg`. Up to three of its connections are kept for as long as the source is open, then destroyed. */
  readonly pool?: PgPool | undefined
  readonly internal?: PostgresSourceInternals | undefined
}

/** {@link PostgresSourceOptions} with the defaults filled in. */
export interface ResolvedSourceOptions extends ResolvedPollingOptions {
  readonly connect: ConnectOptions
  readonly rule: HoleRule
  readonly restAfterMs: number
}

const example = 'postgres://user:password@host:5432/database'

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for what is unknown or malformed. */
export function resolveOptions(options: PostgresSourceOptions): ResolvedSourceOptions {
  const polling = resolvePolling('postgresSource', options, ['restAfterMs'])
  const { connectTimeoutMs, statementTimeoutMs } = polling
  return {
    ...polling,
    connect: { config: resolveConfig(options), pool: options.pool, connectTimeoutMs, statementTimeoutMs },
    rule: polling.unsafeRule ?? 'xids',
    restAfterMs: options.internal?.restAfterMs ?? 1_000,
  }
}

function resolveConfig({ url, config, pool }: PostgresSourceOptions): pg.ClientConfig {
  requireOneConnection('postgresSource', { url, config, pool })
  // a pool hides its password from enumeration; it is needed to keep it out of messages
  if (pool !== undefined)
    return { ...pool.options, password: (pool.options as pg.ClientConfig | undefined)?.password }
  if (url !== undefined && /^[a-z0-9+]+:\/\//i.test(url))
    requireUrl('postgresSource', url, {
      schemes: ['postgres', 'postgresql'],
      example,
      other: "For MySQL and MariaDB there is mysqlSource() of '@outboxkit/relay/mysql'.",
    })
  const resolved = url === undefined ? { ...config } : { connectionString: url }
  try {
    // Parses the URL; connects to nothing.
    void new pg.Client(resolved)
  } catch {
    // The driver's error repeats the URL, password and all.
    throw invalidOption(
      `The database URL cannot be parsed. It must look like ${example}, with special characters in the password percent-encoded.`,
    )
  }
  return resolved
}
