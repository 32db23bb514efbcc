import { detached, isOutboxError, OutboxError } from '@outboxkit/core'
import { RelayEmitter, type FaultPhase, type RelayEventName, type RelayListener } from './events.js'
import { createHistograms, createMetrics, type RelayHistograms, type RelayMetrics } from './metrics.js'
import { resolveOptions, type RelayOptions, type ResolvedOptions } from './options.js'
import { closeMs, closeQuietly, isIncurable, Supervisor, within } from './supervisor.js'

/**
 * - `idle`: made, not started.
 * - `starting`: connecting, or trying to.
 * - `standby`: another relay owns the lease.
 * - `owner`: this one does.
 * - `asleep`: nothing came for as long as `idle.sleepAfterMs` says; see `wake()`.
 * - `draining`: inside `drain()`.
 * - `stopping`, `stopped`: `stop()` was called; for good.
 * - `halted`: stopped by itself, by the policy `halt` or because it can never run as it is configured.
 */
export type RelayState =
  | 'idle'
  | 'starting'
  | 'standby'
  | 'owner'
  | 'asleep'
  | 'draining'
  | 'stopping'
  | 'stopped'
  | 'halted'

export interface DrainBounds {
  /** Default: no bound. */
  readonly maxEvents?: number | undefined
  /** How long to go on, waiting for the lease included, in ms. Default 30,000. */
  readonly deadlineMs?: number | undefined
}

export interface DrainResult {
  /** False: another relay owned the lease until the deadline, and nothing was done. */
  readonly acquired: boolean
  /** Nothing was left to publish, and no topic is held. */
  readonly complete: boolean
  readonly published: number
  readonly held: number
  readonly skipped: number
}

/** Publishes the events of one outbox table for as long as it runs. Made by {@link createRelay}. */
export interface Relay extends AsyncDisposable {
  readonly state: RelayState
  /**
   * Resolves when the relay has stopped; rejects with `OUTBOX_RELAY_HALTED` when the policy `halt` has ended it.
   * It need not be awaited.
   */
  readonly finished: Promise<void>
  /**
   * Resolves as soon as the relay owns the lease, stands by, or has met a first fault that it will recover from
   * by itself. Rejects for what no retry cures (`OUTBOX_SOURCE_UNSUPPORTED`, `OUTBOX_OPTION_INVALID`,
   * `OUTBOX_DRIVER_UNSUPPORTED`, `OUTBOX_SCHEMA_VERSION`), and with `OUTBOX_RELAY_STATE` unless the relay is idle.
   */
  start(): Promise<void>
  /**
   * Reads nothing more, waits for what is in flight (at most `stopTimeoutMs`), settles it, hands the lease over
   * and closes source and publisher. Calling it again returns the same promise. Never rejects.
   */
  stop(): Promise<void>
  /**
   * One pass: publishes until nothing is left or a bound is reached, then hands the lease over. May be called
   * again. Rejects with `OUTBOX_RELAY_STATE` unless the relay is idle.
   */
  drain(bounds?: DrainBounds): Promise<DrainResult>
  /** Polls at once instead of when the next poll is due, also when the relay is asleep. */
  wake(): void
  on<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this
  off<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this
  /** A snapshot of all counters and gauges. */
  metrics(): RelayMetrics
  /** A snapshot of the distributions: how long, how many, how late. */
  histograms(): RelayHistograms
}

/** Makes a relay; it does nothing before `start()` or `drain()`. Throws `OUTBOX_OPTION_INVALID`. */
export function createRelay(options: RelayOptions): Relay {
  return new OutboxRelay(resolveOptions(options))
}

class OutboxRelay implements Relay {
  readonly finished: Promise<void>
  readonly #options: ResolvedOptions
  readonly #metrics = createMetrics()
  readonly #histograms = createHistograms()
  readonly #emitter = new RelayEmitter(() => this.#metrics.listenerFailures++)
  readonly #supervisor: Supervisor
  readonly #finish: Deferred
  readonly #abort = (): void => void this.stop()
  #state: RelayState = 'idle'
  /** The caller of `start()` or `drain()` has not heard anything yet. */
  #waiting: Deferred | undefined
  #running: Promise<unknown> | undefined
  #ending: Promise<void> | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.#finish = deferred()
    this.finished = this.#finish.promise
    // Nobody has to listen.
    this.finished.catch(() => undefined)
    this.#supervisor = new Supervisor({
      options,
      metrics: this.#metrics,
      histograms: this.#histograms,
      emitter: this.#emitter,
      onOwner: () => this.#enter('owner'),
      onStandby: () => this.#enter('standby'),
      onAsleep: () => this.#enter('asleep'),
      onFault: (phase, error, retryInMs) => this.#fault(phase, error, retryInMs),
      isFirst: () => this.#waiting !== undefined,
    })
    options.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  get state(): RelayState {
    return this.#state
  }

  on<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this {
    this.#emitter.on(name, listener)
    return this
  }

  off<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this {
    this.#emitter.off(name, listener)
    return this
  }

  metrics(): RelayMetrics {
    // Asked for only here: a source may have to count.
    return { ...this.#metrics, openPositions: this.#options.source.openPositions ?? 0 }
  }

  histograms(): RelayHistograms {
    const { publishMs, publishEvents, settleMs, lagMs } = this.#histograms
    return {
      publishMs: publishMs.snapshot(),
      publishEvents: publishEvents.snapshot(),
      settleMs: settleMs.snapshot(),
      lagMs: lagMs.snapshot(),
    }
  }

  wake(): void {
    this.#supervisor.wake()
  }

  async start(): Promise<void> {
    const waiting = this.#begin('starting')
    // The span that happens to be active here ends long before the relay does.
    this.#running = detached(() => this.#run())
    await waiting.promise
  }

  async #run(): Promise<void> {
    const error = (await this.#openPublisher()) ?? (await this.#supervisor.run()).error
    if (error === undefined) {
      this.#answer()
      return
    }
    // Not awaited: the end of a relay waits for its run.
    void this.#end(error)
  }

  async drain(bounds: DrainBounds = {}): Promise<DrainResult> {
    this.#begin('draining')
    const before = this.metrics()
    const once = {
      maxEvents: bounds.maxEvents ?? Infinity,
      deadlineAt: this.#options.now() + (bounds.deadlineMs ?? 30_000),
    }
    const refused = await this.#openPublisher()
    const running = refused === undefined ? this.#supervisor.run(once) : undefined
    this.#running = running
    const { error = refused, acquired = false, complete = false } = (await running) ?? {}
    if (error !== undefined) {
      await this.#end(error)
      throw error
    }
    this.#waiting = undefined
    if (this.#ending === undefined) this.#state = 'idle'
    const { published, held, skipped } = this.#metrics
    return {
      acquired,
      complete,
      published: published - before.published,
      held: held - before.held,
      skipped: skipped - before.skipped,
    }
  }

  #begin(state: 'starting' | 'draining'): Deferred {
    this.#options.signal?.throwIfAborted()
    if (this.#state !== 'idle')
      throw new OutboxError(
        'OUTBOX_RELAY_STATE',
        `The relay is ${this.#state}; it can be started once, and drained while it is idle. Make a new one.`,
      )
    this.#state = state
    const waiting = deferred()
    // A drain has its own answer.
    waiting.promise.catch(() => undefined)
    this.#waiting = waiting
    return waiting
  }

  /** A broker that is down is met later by `publish`; only what no retry cures is returned. */
  async #openPublisher(): Promise<OutboxError | undefined> {
    try {
      await this.#options.publisher.open?.()
    } catch (error) {
      if (isIncurable(error)) return error
      this.#fault('open', error)
    }
    return undefined
  }

  /** The caller of `start()` gets its answer: it runs, or will by itself. */
  #answer(error?: OutboxError): void {
    // A pass has one answer: its result.
    if (this.#state === 'draining') return
    if (error === undefined) this.#waiting?.resolve()
    else this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #enter(state: 'owner' | 'standby' | 'asleep'): void {
    if (this.#ending === undefined && this.#state !== 'draining') this.#state = state
    this.#answer()
  }

  #fault(phase: FaultPhase, error: unknown, retryInMs?: number): void {
    this.#metrics.faults++
    const event = { phase, error: asSourceError(error) }
    this.#emitter.emit('fault', retryInMs === undefined ? event : { ...event, retryInMs })
    // Otherwise the source has not been asked yet.
    if (retryInMs !== undefined) this.#answer()
  }

  stop(): Promise<void> {
    return this.#end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** `error`: it ends by itself. */
  #end(error?: OutboxError): Promise<void> {
    return (this.#ending ??= this.#endOnce(error))
  }

  async #endOnce(error: OutboxError | undefined): Promise<void> {
    const { source, publisher, signal, stopTimeoutMs } = this.#options
    const onFault = (phase: FaultPhase, cause: unknown): void => this.#fault(phase, cause)
    if (error === undefined) this.#state = 'stopping'
    signal?.removeEventListener('abort', this.#abort)
    this.#supervisor.stop()
    // A server that hangs does not keep the process.
    if (error === undefined && this.#running !== undefined)
      await within(this.#running, stopTimeoutMs + closeMs)
    await closeQuietly(() => source.leases.close(), onFault)
    await closeQuietly(() => source.close(), onFault)
    await closeQuietly(() => publisher.close(), onFault)
    this.#state = error === undefined ? 'stopped' : 'halted'
    this.#emitter.emit('stopped', error === undefined ? {} : { error })
    if (error === undefined) this.#finish.resolve()
    else this.#finish.reject(error)
    this.#answer(error)
  }
}

/** Any thrown value as an `OutboxError`. */
function asSourceError(error: unknown): OutboxError {
  if (isOutboxError(error)) return error
  const text = error instanceof Error ? error.message || error.name : String(error)
  return new OutboxError('OUTBOX_SOURCE_FAILED', text, { cause: error })
}

interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: OutboxError) => void
}

function deferred(): Deferred {
  let resolve!: () => void
  let reject!: (error: OutboxError) => void
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
