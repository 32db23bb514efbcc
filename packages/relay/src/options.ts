import { OutboxError, rejectUnknownKeys } from '@outboxkit/core'
import type { BackoffBounds, Random } from './backoff.js'
import type { Publisher } from './publisher.js'
import type { Source } from './source.js'

/**
 * What happens to an event that can never be published.
 * - `park-key`: it and all later events of its key wait in the held table, in order.
 * - `skip`: only this event is given up.
 * - `halt`: the relay stops.
 */
export type PoisonPolicy = 'park-key' | 'skip' | 'halt'

/** Where a test can interrupt a relay. */
export type FaultPoint = 'before-send' | 'after-ack' | 'during-settle'

/** For tests and our own programs only: not covered by semantic versioning. */
export interface RelayInternals {
  /** Awaited at each point; `during-settle` while the settling statement runs. */
  readonly onPoint?: (point: FaultPoint) => void | Promise<void>
  /** Monotonic clock in ms. Default `performance.now`. */
  readonly now?: () => number
  readonly random?: Random
  /** How often a standby looks at the lease, in ms. Default: a fiftieth of the term, 20 to 250. */
  readonly standbyPollMs?: number
  /** What the random id of this relay, its name in the lease, begins with; at most 20 characters. Default: nothing. */
  readonly ownerPrefix?: string
  /** How often requests of people are looked for, in ms. Default 1,000. */
  readonly requestPollMs?: number
}

export interface RelayOptions {
  readonly source: Source
  readonly publisher: Publisher
  /**
   * `termMs`: how long an owner that has vanished keeps others out. Default 15,000; at least 100. The same for
   * all relays of one table.
   */
  readonly lease?: { readonly termMs?: number | undefined } | undefined
  /** Waits between polls that find nothing, in ms. Default 2 to 250. */
  readonly poll?: { readonly minMs?: number | undefined; readonly maxMs?: number | undefined } | undefined
  /**
   * For databases that should fall asleep. After `sleepAfterMs` without an event the relay gives the lease back,
   * closes its connections to the database and sleeps until `relay.wake()`, or for `wakeEveryMs` (default 300,000).
   * Default: it never sleeps.
   */
  readonly idle?:
    | { readonly sleepAfterMs?: number | undefined; readonly wakeEveryMs?: number | undefined }
    | undefined
  /** Back-off of everything that is tried again, in ms. Default 100 to 10,000. */
  readonly retry?: { readonly minMs?: number | undefined; readonly maxMs?: number | undefined } | undefined
  /** Default `park-key`. */
  readonly onPoison?: PoisonPolicy | undefined
  /** How long one topic may fail while others succeed before its events are held, in ms. Default 10,000. */
  readonly holdAfterMs?: number | undefined
  /** Reading pauses while this much is read and not settled. Default 32 MiB; one batch may go past it. */
  readonly maxInFlightBytes?: number | undefined
  /** The same in events. Default 10,000. */
  readonly maxInFlightEvents?: number | undefined
  /** A publish call is aborted after this, in ms. Default: 10,000, or two thirds of the lease if that is less. */
  readonly publishTimeoutMs?: number | undefined
  /** How long `stop()` waits for what is in flight, in ms. Default 10,000. */
  readonly stopTimeoutMs?: number | undefined
  /** A span per publish call, where OpenTelemetry is registered. Default true. */
  readonly tracing?: boolean | undefined
  /** Aborting it is the same as `stop()`. */
  readonly signal?: AbortSignal | undefined
  readonly internal?: RelayInternals | undefined
}

/** {@link RelayOptions} with the defaults filled in. */
export interface ResolvedOptions {
  readonly source: Source
  readonly publisher: Publisher
  readonly termMs: number
  readonly poll: BackoffBounds
  /** `Infinity`: never. */
  readonly sleepAfterMs: number
  readonly wakeEveryMs: number
  readonly retry: BackoffBounds
  readonly onPoison: PoisonPolicy
  readonly holdAfterMs: number
  readonly maxInFlightBytes: number
  readonly maxInFlightEvents: number
  readonly publishTimeoutMs: number
  readonly stopTimeoutMs: number
  readonly tracing: boolean
  readonly signal: AbortSignal | undefined
  readonly onPoint: ((point: FaultPoint) => void | Promise<void>) | undefined
  readonly now: () => number
  readonly random: Random
  readonly standbyPollMs: number
  readonly ownerPrefix: string
  readonly requestPollMs: number
}

const policies: readonly PoisonPolicy[] = ['park-key', 'skip', 'halt']

const keys = {
  relay: [
    'source',
    'publisher',
    'lease',
    'poll',
    'idle',
    'retry',
    'onPoison',
    'holdAfterMs',
    'maxInFlightBytes',
    'maxInFlightEvents',
    'publishTimeoutMs',
    'stopTimeoutMs',
    'tracing',
    'signal',
    'internal',
  ],
  lease: ['termMs'],
  bounds: ['minMs', 'maxMs'],
  idle: ['sleepAfterMs', 'wakeEveryMs'],
  internal: ['onPoint', 'now', 'random', 'standbyPollMs', 'ownerPrefix', 'requestPollMs'],
} as const

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for anything unknown, malformed or contradictory. */
export function resolveOptions(options: RelayOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('createRelay() needs an options object.')
  rejectUnknownKeys(options, keys.relay, 'createRelay()')
  rejectUnknownKeys(options.lease ?? {}, keys.lease, 'createRelay({ lease })')
  rejectUnknownKeys(options.idle ?? {}, keys.idle, 'createRelay({ idle })')
  rejectUnknownKeys(options.internal ?? {}, keys.internal, 'createRelay({ internal })')
  requireSeams(options)
  const termMs = number('lease.termMs', options.lease?.termMs, 15_000, 100)
  const publishTimeoutMs = number(
    'publishTimeoutMs',
    options.publishTimeoutMs,
    Math.min(10_000, Math.floor((termMs * 2) / 3)),
    1,
  )
  requireLongLease(termMs, publishTimeoutMs, options.publisher)
  const onPoison = options.onPoison ?? 'park-key'
  if (!policies.includes(onPoison))
    throw invalid(
      `onPoison must be one of ${policies.map((name) => `'${name}'`).join(', ')}, got ${show(onPoison)}.`,
    )
  const tracing = options.tracing ?? true
  if (typeof tracing !== 'boolean') throw invalid(`tracing must be true or false, got ${show(tracing)}.`)
  const internal = options.internal ?? {}
  return {
    tracing,
    source: options.source,
    publisher: options.publisher,
    termMs,
    publishTimeoutMs,
    onPoison,
    poll: bounds('poll', options.poll, { minMs: 2, maxMs: 250 }),
    sleepAfterMs:
      options.idle?.sleepAfterMs === undefined
        ? Infinity
        : number('idle.sleepAfterMs', options.idle.sleepAfterMs, Infinity, 1),
    wakeEveryMs: number('idle.wakeEveryMs', options.idle?.wakeEveryMs, 300_000, 1),
    retry: bounds('retry', options.retry, { minMs: 100, maxMs: 10_000 }),
    holdAfterMs: number('holdAfterMs', options.holdAfterMs, 10_000, 0),
    maxInFlightBytes: number('maxInFlightBytes', options.maxInFlightBytes, 32 * 1024 * 1024, 1),
    maxInFlightEvents: number('maxInFlightEvents', options.maxInFlightEvents, 10_000, 1),
    stopTimeoutMs: number('stopTimeoutMs', options.stopTimeoutMs, 10_000, 0),
    signal: options.signal,
    onPoint: internal.onPoint,
    now: internal.now ?? (() => performance.now()),
    random: internal.random ?? Math.random,
    standbyPollMs: internal.standbyPollMs ?? Math.min(250, Math.max(20, termMs / 50)),
    ownerPrefix: internal.ownerPrefix ?? '',
    requestPollMs: internal.requestPollMs ?? 1_000,
  }
}

function requireSeams({ source, publisher }: RelayOptions): void {
  if (typeof source?.read !== 'function')
    throw invalid('createRelay() needs a `source`, e.g. postgresSource({ url }).')
  if (typeof publisher?.publish !== 'function')
    throw invalid('createRelay() needs a `publisher`, e.g. kafkaPublisher({ driver }).')
}

/** A call that outlives the lease would still be sending when the next owner starts. */
function requireLongLease(termMs: number, publishTimeoutMs: number, publisher: Publisher): void {
  const longest = Math.max(publishTimeoutMs, publisher.timeoutMs ?? 0)
  if (longest < termMs) return
  throw invalid(
    `lease.termMs (${termMs}) must be longer than one publish call may take (${longest}): ` +
      'raise lease.termMs or lower the publish timeout.',
  )
}

function bounds(
  name: string,
  given: { readonly minMs?: number | undefined; readonly maxMs?: number | undefined } | undefined,
  defaults: BackoffBounds,
): BackoffBounds {
  rejectUnknownKeys(given ?? {}, keys.bounds, `createRelay({ ${name} })`)
  const minMs = number(`${name}.minMs`, given?.minMs, Math.min(defaults.minMs, given?.maxMs ?? Infinity), 1)
  const maxMs = number(`${name}.maxMs`, given?.maxMs, Math.max(defaults.maxMs, minMs), 1)
  if (minMs > maxMs) throw invalid(`${name}.minMs (${minMs}) must not be above ${name}.maxMs (${maxMs}).`)
  return { minMs, maxMs }
}

function number(name: string, given: number | undefined, fallback: number, least: number): number {
  const value = given ?? fallback
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
    throw invalid(`${name} must be a number, ${least} or more, got ${show(value)}.`)
  return value
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value)
}

function invalid(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', message)
}
