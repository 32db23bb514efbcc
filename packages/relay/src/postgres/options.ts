import {
  OutboxError,
  rejectUnknownKeys,
  resolveTable,
  type OutboxTable,
  type TableOptions,
} from '@outboxkit/core'
import pg from 'pg'
import type { HoleRule } from '../holes.js'
import type { ConnectOptions, PgPool } from './connection.js'

/** For tests only, not covered by semantic versioning. */
export interface PostgresSourceInternals {
  /** Reads by a rule that is known to be wrong, so that a test can see events misordered and left behind. */
  readonly unsafeRule?: Exclude<HoleRule, 'xids'> | undefined
  /** When `unsafeRule: 'age'` gives a hole up, in ms. Default 5,000. */
  readonly ageMs?: number | undefined
  /** How long holes are probed before they may rest, in ms. Default 1,000. */
  readonly restAfterMs?: number | undefined
  /** The sweep runs for at most one part in this many of the time. Default 100. */
  readonly sweepShare?: number | undefined
}

export interface PostgresSourceOptions {
  /** `postgres://user:password@host:port/database`. One of `url`, `config` and `pool` is needed. */
  readonly url?: string | undefined
  /** What `new Client()` of `pg` takes: for TLS, a password function, a socket. */
  readonly config?: pg.ClientConfig | undefined
  /** A pool of `pg`. Up to three of its connections are kept for as long as the source is open, then destroyed. */
  readonly pool?: PgPool | undefined
  readonly table?: TableOptions | undefined
  /** Most events in a batch. Default 1,000. */
  readonly maxBatchEvents?: number | undefined
  /** A batch ends with the event that reaches this many bytes. Default 1 MiB. */
  readonly maxBatchBytes?: number | undefined
  /** How often, at most, open holes are noted, in ms. Default 100. Costs a look at the server's lock table. */
  readonly noteIntervalMs?: number | undefined
  /** The safety net: how often the table is looked through for rows that were missed, in ms. Default 600,000. */
  readonly sweep?: { readonly intervalMs?: number | undefined } | undefined
  /** Default 10,000 ms. */
  readonly connectTimeoutMs?: number | undefined
  /** The longest that a statement may take, in ms. Default 30,000. */
  readonly statementTimeoutMs?: number | undefined
  /**
   * Hears what may cost events and is not an error: settings that are not durable, rows that came late.
   * Default: a process warning.
   */
  readonly onWarning?: ((message: string) => void) | undefined
  readonly internal?: PostgresSourceInternals | undefined
}

/** {@link PostgresSourceOptions} with the defaults filled in. */
export interface ResolvedSourceOptions {
  readonly table: OutboxTable
  readonly connect: ConnectOptions
  readonly maxBatchEvents: number
  readonly maxBatchBytes: number
  readonly noteIntervalMs: number
  readonly sweepIntervalMs: number
  readonly onWarning: (message: string) => void
  readonly rule: HoleRule
  readonly ageMs: number
  readonly restAfterMs: number
  readonly sweepShare: number
}

const keys = {
  source: [
    'url',
    'config',
    'pool',
    'table',
    'maxBatchEvents',
    'maxBatchBytes',
    'noteIntervalMs',
    'sweep',
    'connectTimeoutMs',
    'statementTimeoutMs',
    'onWarning',
    'internal',
  ],
  table: ['name', 'schema', 'payload', 'uniqueId'],
  sweep: ['intervalMs'],
  internal: ['unsafeRule', 'ageMs', 'restAfterMs', 'sweepShare'],
} as const

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for what is unknown or malformed. */
export function resolveOptions(options: PostgresSourceOptions): ResolvedSourceOptions {
  rejectUnknownKeys(options, keys.source, 'postgresSource()')
  rejectUnknownKeys(options.table ?? {}, keys.table, 'postgresSource({ table })')
  rejectUnknownKeys(options.sweep ?? {}, keys.sweep, 'postgresSource({ sweep })')
  rejectUnknownKeys(options.internal ?? {}, keys.internal, 'postgresSource({ internal })')
  const internal = options.internal ?? {}
  return {
    table: resolveTable(options.table),
    connect: {
      config: resolveConfig(options),
      pool: options.pool,
      connectTimeoutMs: atLeast('connectTimeoutMs', options.connectTimeoutMs, 10_000, 1),
      statementTimeoutMs: atLeast('statementTimeoutMs', options.statementTimeoutMs, 30_000, 1),
    },
    maxBatchEvents: atLeast('maxBatchEvents', options.maxBatchEvents, 1_000, 1),
    maxBatchBytes: atLeast('maxBatchBytes', options.maxBatchBytes, 1024 * 1024, 1),
    noteIntervalMs: atLeast('noteIntervalMs', options.noteIntervalMs, 100, 0),
    sweepIntervalMs: atLeast('sweep.intervalMs', options.sweep?.intervalMs, 600_000, 0),
    onWarning: options.onWarning ?? emitWarning,
    rule: internal.unsafeRule ?? 'xids',
    ageMs: internal.ageMs ?? 5_000,
    restAfterMs: internal.restAfterMs ?? 1_000,
    sweepShare: internal.sweepShare ?? 100,
  }
}

function emitWarning(message: string): void {
  process.emitWarning(message, { type: 'OutboxWarning', code: 'OUTBOX_SOURCE' })
}

function resolveConfig({ url, config, pool }: PostgresSourceOptions): pg.ClientConfig {
  if (url === '') throw invalid('postgresSource(): url is empty. Is the environment variable set?')
  if ([url, config, pool].filter((given) => given !== undefined).length !== 1)
    throw invalid('postgresSource() needs exactly one of url, config and pool.')
  // a pool hides its password from enumeration; it is needed to keep it out of messages
  if (pool !== undefined)
    return { ...pool.options, password: (pool.options as pg.ClientConfig | undefined)?.password }
  const resolved = url === undefined ? { ...config } : { connectionString: url }
  try {
    // Parses the URL; connects to nothing.
    void new pg.Client(resolved)
  } catch {
    // The driver's error repeats the URL, password and all.
    throw invalid(
      'The database URL cannot be parsed. It must look like postgres://user:password@host:5432/database, with special characters in the password percent-encoded.',
    )
  }
  return resolved
}

function atLeast(name: string, given: number | undefined, fallback: number, least: number): number {
  const value = given ?? fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw invalid(`${name} must be a whole number, ${least} or more, got ${JSON.stringify(given)}.`)
}

function invalid(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', message)
}
