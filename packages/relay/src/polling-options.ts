import {
  OutboxError,
  processWarning,
  rejectUnknownKeys,
  resolveTable,
  type OutboxTable,
  type TableOptions,
} from '@outboxkit/core'
import type { Cleanup } from './archive.js'
import type { SweepOptions } from './sweep.js'

/** Options of every polling source, whatever the database. */
export interface PollingOptions {
  readonly table?: TableOptions | undefined
  /** Most events in a batch. Default 1,000. */
  readonly maxBatchEvents?: number | undefined
  /** A batch ends with the event that reaches this many bytes. Default 1 MiB. */
  readonly maxBatchBytes?: number | undefined
  /** How often, at most, open holes are noted, in ms. Default 100. Costs a look at the server's locks. */
  readonly noteIntervalMs?: number | undefined
  /** The safety net: how often the table is looked through for rows that were missed, in ms. Default 600,000. */
  readonly sweep?: { readonly intervalMs?: number | undefined } | undefined
  /**
   * What happens to rows that are published: `delete` (default), or `archive`: they move to the table
   * `<name>_archive` in the same transaction, for audits and `outboxkit replay`. That table has to be there.
   */
  readonly cleanup?: Cleanup | undefined
  /** With `cleanup: 'archive'`: archived rows are deleted after so many ms. Default: never. */
  readonly retentionMs?: number | undefined
  /** Default 10,000 ms. */
  readonly connectTimeoutMs?: number | undefined
  /** The longest that a statement may take, in ms. Default 30,000. */
  readonly statementTimeoutMs?: number | undefined
  /**
   * Hears what may cost events and is not an error: settings that are not durable, rows that came late.
   * Default: a process warning.
   */
  readonly onWarning?: ((message: string) => void) | undefined
}

/** For tests only, not covered by semantic versioning. */
export interface PollingInternals {
  /** Reads by a rule that is known to be wrong, so that a test can see events misordered and left behind. */
  readonly unsafeRule?: 'none' | 'age' | undefined
  /** When `unsafeRule: 'age'` gives a hole up, in ms. Default 5,000. */
  readonly ageMs?: number | undefined
  /** The sweep runs for at most one part in this many of the time. Default 100. */
  readonly sweepShare?: number | undefined
}

/** {@link PollingOptions} with the defaults filled in. */
export interface ResolvedPollingOptions extends SweepOptions {
  readonly table: OutboxTable
  readonly maxBatchBytes: number
  readonly noteIntervalMs: number
  readonly cleanup: Cleanup
  /** `undefined`: archived rows stay. */
  readonly retentionMs: number | undefined
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly onWarning: (message: string) => void
  readonly unsafeRule: 'none' | 'age' | undefined
  readonly ageMs: number
}

const pollingKeys = [
  'url',
  'config',
  'pool',
  'table',
  'maxBatchEvents',
  'maxBatchBytes',
  'noteIntervalMs',
  'sweep',
  'cleanup',
  'retentionMs',
  'connectTimeoutMs',
  'statementTimeoutMs',
  'onWarning',
  'internal',
] as const
const internalKeys = ['unsafeRule', 'ageMs', 'sweepShare'] as const

/**
 * Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for what is unknown or malformed. `source`: the name of
 * the factory; `internals`: what only this one has.
 */
export function resolvePolling(
  source: string,
  options: PollingOptions & { readonly internal?: PollingInternals | undefined },
  internals: readonly string[] = [],
): ResolvedPollingOptions {
  rejectUnknownKeys(options, pollingKeys, `${source}()`)
  rejectUnknownKeys(options.table ?? {}, ['name', 'schema', 'payload', 'uniqueId'], `${source}({ table })`)
  rejectUnknownKeys(options.sweep ?? {}, ['intervalMs'], `${source}({ sweep })`)
  rejectUnknownKeys(options.internal ?? {}, [...internalKeys, ...internals], `${source}({ internal })`)
  const internal = options.internal ?? {}
  const { cleanup = 'delete', retentionMs } = options
  requireCleanup(source, cleanup, retentionMs)
  return {
    table: resolveTable(options.table),
    maxBatchEvents: atLeast('maxBatchEvents', options.maxBatchEvents, 1_000, 1),
    maxBatchBytes: atLeast('maxBatchBytes', options.maxBatchBytes, 1024 * 1024, 1),
    noteIntervalMs: atLeast('noteIntervalMs', options.noteIntervalMs, 100, 0),
    sweepIntervalMs: atLeast('sweep.intervalMs', options.sweep?.intervalMs, 600_000, 0),
    cleanup,
    retentionMs: retentionMs === undefined ? undefined : atLeast('retentionMs', retentionMs, 0, 1),
    connectTimeoutMs: atLeast('connectTimeoutMs', options.connectTimeoutMs, 10_000, 1),
    statementTimeoutMs: atLeast('statementTimeoutMs', options.statementTimeoutMs, 30_000, 1),
    onWarning: options.onWarning ?? ((message) => processWarning('OUTBOX_SOURCE', message)),
    unsafeRule: internal.unsafeRule,
    ageMs: internal.ageMs ?? 5_000,
    sweepShare: internal.sweepShare ?? 100,
  }
}

function requireCleanup(source: string, cleanup: Cleanup, retentionMs: unknown): void {
  if (cleanup !== 'delete' && cleanup !== 'archive')
    throw invalidOption(
      `${source}(): cleanup must be 'delete' or 'archive', got ${JSON.stringify(cleanup) ?? typeof cleanup}.`,
    )
  // What is published is deleted at once: nothing would ever be kept for so long.
  if (cleanup === 'delete' && retentionMs !== undefined)
    throw invalidOption(`${source}(): retentionMs is for cleanup: 'archive'; published rows are deleted now.`)
}

/** Throws unless exactly one of the ways to connect is given, and it is not an empty URL. */
export function requireOneConnection(
  source: string,
  { url, config, pool }: { readonly url?: unknown; readonly config?: unknown; readonly pool?: unknown },
): void {
  if (url === '' || (url === undefined && config === undefined && pool === undefined))
    throw invalidOption(
      `${source}(): ${url === '' ? 'url is empty' : 'none of url, config and pool is given'}. Is the environment variable set?`,
    )
  if ([url, config, pool].filter((given) => given !== undefined).length !== 1)
    throw invalidOption(`${source}() needs exactly one of url, config and pool.`)
}

/**
 * Throws unless `url` is a URL of one of these schemes. What may be a piece of a password is never shown.
 * `other`: the source for what else it may be.
 */
export function requireUrl(
  source: string,
  url: string,
  { schemes, example, other }: { schemes: readonly string[]; example: string; other: string },
): void {
  const scheme = /^([a-z0-9+]+):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme !== undefined && !schemes.includes(scheme))
    throw invalidOption(
      `${source}(): the URL begins with ${scheme}://, but must begin with ${schemes[0]}://. ${other}`,
    )
  // A # is always a character of the password that was not encoded: the rest would be taken for the host.
  if (scheme === undefined || url.includes('#') || !URL.canParse(url) || !decodes(new URL(url)))
    throw invalidOption(
      `The database URL cannot be parsed. It must look like ${example}, with special characters in the password percent-encoded.`,
    )
}

function decodes({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}

export function invalidOption(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', message)
}

function atLeast(name: string, given: number | undefined, fallback: number, least: number): number {
  const value = given ?? fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw invalidOption(`${name} must be a whole number, ${least} or more, got ${JSON.stringify(given)}.`)
}
