import { randomUUID } from 'node:crypto'
import { isOutboxError, OutboxError } from '@outboxkit/core'
import { backoffMs } from './backoff.js'
import { RelayEmitter, type FaultPhase, type RelayEventName, type RelayListener } from './events.js'
import { LeaseKeeper } from './lease.js'
import { Loop, type LoopEnd, type OncePass } from './loop.js'
import { createMetrics, type RelayMetrics } from './metrics.js'
import { resolveOptions, type RelayOptions, type ResolvedOptions } from './options.js'
import { Wake } from './wake.js'

/**
 * - `idle`: made, not started.
 * - `starting`: connecting, or trying to.
 * - `standby`: another relay owns the lease.
 * - `owner`: this one does.
 * - `draining`: inside `drain()`.
 * - `stopping`, `stopped`: `stop()` was called; for good.
 * - `halted`: stopped by itself, by the policy `halt` or because it can never run as it is configured.
 */
export type RelayState =
  | 'idle'
  | 'starting'
  | 'standby'
  | 'owner'
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
   * `OUTBOX_DRIVER_UNSUPPORTED`), and with `OUTBOX_RELAY_STATE` unless the relay is idle.
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
  /** Polls at once instead of when the next poll is due. */
  wake(): void
  on<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this
  off<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): this
  /** A snapshot of all counters and gauges. */
  metrics(): RelayMetrics
}

/** Makes a relay; it does nothing before `start()` or `drain()`. Throws `OUTBOX_OPTION_INVALID`. */
export function createRelay(options: RelayOptions): Relay {
  return new OutboxRelay(resolveOptions(options))
}

// How much longer than its own bounds a stop may take when something hangs, in ms.
const closeMs = 5_000

class OutboxRelay implements Relay {
  readonly finished: Promise<void>
  readonly #options: ResolvedOptions
  readonly #metrics = createMetrics()
  readonly #emitter = new RelayEmitter(() => this.#metrics.listenerFailures++)
  readonly #wake = new Wake()
  readonly #keeper: LeaseKeeper
  readonly #finish: { resolve: () => void; reject: (error: OutboxError) => void }
  readonly #abort = (): void => void this.stop()
  #state: RelayState = 'idle'
  #loop: Loop | undefined
  #running: Promise<unknown> | undefined
  #stopping: Promise<void> | undefined
  #giveUp = false
  #fingerprint: string | undefined
  #started: { resolve: () => void; reject: (error: unknown) => void } | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    const finish = deferred()
    this.finished = finish.promise
    // Nobody has to listen.
    this.finished.catch(() => undefined)
    this.#finish = finish
    this.#keeper = this.#createKeeper()
    options.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  #createKeeper(): LeaseKeeper {
    const { source, termMs, standbyPollMs, retry, now, random } = this.#options
    return new LeaseKeeper({
      leases: source.leases,
      owner: randomUUID(),
      termMs,
      pollMs: standbyPollMs,
      retry,
      now,
      random,
      wake: this.#wake,
      onStandby: ({ owner, epoch }) => {
        if (this.#state !== 'draining') this.#enter('standby')
        this.#emitter.emit('standby', { owner, epoch })
        this.#startedUp()
      },
      onRenewed: () => this.#metrics.renewals++,
      onRenewFailed: (error) => this.#fault('renew', error),
    })
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
    return { ...this.#metrics }
  }

  wake(): void {
    this.#loop?.poke()
    this.#wake.notify()
  }

  async start(): Promise<void> {
    this.#begin('starting')
    const started = deferred()
    this.#started = started
    this.#running = this.#run()
    await started.promise
  }

  async #run(): Promise<void> {
    const error = (await this.#openPublisher()) ?? (await this.#supervise())
    if (error === undefined) {
      this.#startedUp()
      return
    }
    this.#started?.reject(error)
    this.#started = undefined
    // Not awaited: stopping waits for this very run.
    void this.#shutDown(error)
  }

  async drain(bounds: DrainBounds = {}): Promise<DrainResult> {
    this.#begin('draining')
    const before = this.metrics()
    const { now } = this.#options
    const once: OncePass = {
      maxEvents: bounds.maxEvents ?? Infinity,
      deadlineAt: now() + (bounds.deadlineMs ?? 30_000),
    }
    const pass = { acquired: false, complete: false }
    const run = (async () => (await this.#openPublisher()) ?? (await this.#supervise(once, pass)))()
    this.#running = run
    const error = await run
    if (error !== undefined) {
      await this.#shutDown(error)
      throw error
    }
    if (!this.#giveUp) this.#state = 'idle'
    const { published, held, skipped } = this.#metrics
    return {
      ...pass,
      published: published - before.published,
      held: held - before.held,
      skipped: skipped - before.skipped,
    }
  }

  #begin(state: 'starting' | 'draining'): void {
    this.#options.signal?.throwIfAborted()
    if (this.#state !== 'idle')
      throw new OutboxError(
        'OUTBOX_RELAY_STATE',
        `The relay is ${this.#state}; it can be started once, and drained while it is idle. Make a new one.`,
      )
    this.#state = state
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

  /** Term after term, until stopped (`undefined`) or for good (the error). */
  async #supervise(
    once?: OncePass,
    pass?: { acquired: boolean; complete: boolean },
  ): Promise<OutboxError | undefined> {
    const { now, retry, random } = this.#options
    const over = (): boolean => this.#giveUp || (once !== undefined && now() >= once.deadlineAt)
    let failures = 0
    while (!over()) {
      const startedAt = now()
      const end = await this.#term(over, once, pass)
      if (end === undefined || end.kind === 'stopped') continue
      if (end.kind === 'passed') {
        if (pass !== undefined) pass.complete = end.complete
        return undefined
      }
      if (end.kind === 'halted') return halted(end.error)
      const first =
        this.#started !== undefined && this.#metrics.owner === 0 && this.#fingerprint === undefined
      if (first && isIncurable(end.error)) return end.error
      // A term that lasted was not the same failure again.
      failures = now() - startedAt > retry.maxMs ? 1 : failures + 1
      const retryInMs = backoffMs(failures, retry, random)
      if (isOutboxError(end.error, 'OUTBOX_LEASE_LOST')) this.#metrics.leasesLost++
      this.#fault(end.phase, end.error, retryInMs)
      await this.#wake.wait(once === undefined ? retryInMs : Math.min(retryInMs, once.deadlineAt - now()))
    }
    return undefined
  }

  /** Waits for the lease, works under it, gives it back. `undefined`: given up before it was ours. */
  async #term(
    over: () => boolean,
    once?: OncePass,
    pass?: { acquired: boolean },
  ): Promise<LoopEnd | undefined> {
    let acquired: Awaited<ReturnType<LeaseKeeper['acquire']>>
    try {
      acquired = await this.#keeper.acquire(over)
    } catch (error) {
      return { kind: 'failed', phase: 'acquire', error, quiet: true }
    }
    if (acquired === undefined) return undefined
    if (pass !== undefined) pass.acquired = true
    this.#metrics.acquisitions++
    if (acquired.unclean) this.#metrics.acquisitionsUnclean++
    const { lease, unclean } = acquired
    const context = {
      options: this.#options,
      guard: this.#keeper,
      metrics: this.#metrics,
      emitter: this.#emitter,
    }
    const loop = new Loop(context, this.#wake, once)
    this.#loop = loop
    if (this.#giveUp) loop.stop()
    const end = await loop.run(lease, () => this.#own(lease.epoch, unclean))
    this.#loop = undefined
    this.#metrics.owner = 0
    this.#compareFingerprint(loop.fingerprint)
    await this.#keeper.end(end.quiet)
    await this.#close(() => this.#options.source.close())
    return end
  }

  #own(epoch: number, unclean: boolean): void {
    this.#metrics.owner = 1
    this.#metrics.epoch = epoch
    if (this.#state !== 'draining') this.#enter('owner')
    this.#emitter.emit('owner', { epoch, unclean })
    this.#startedUp()
  }

  /** A server that changed while nobody was connected. */
  #compareFingerprint(fingerprint: string | undefined): void {
    if (fingerprint === undefined) return
    if (this.#fingerprint !== undefined && this.#fingerprint !== fingerprint)
      this.#metrics.fingerprintChanges++
    this.#fingerprint = fingerprint
  }

  /** `start()` has its answer. */
  #startedUp(): void {
    this.#started?.resolve()
    this.#started = undefined
  }

  #enter(state: RelayState): void {
    if (!this.#giveUp) this.#state = state
  }

  #fault(phase: FaultPhase, error: unknown, retryInMs?: number): void {
    this.#metrics.faults++
    const event = { phase, error: asSourceError(error) }
    this.#emitter.emit('fault', retryInMs === undefined ? event : { ...event, retryInMs })
    if (phase !== 'renew' && phase !== 'close') this.#startedUp()
  }

  stop(): Promise<void> {
    return this.#shutDown()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #shutDown(error?: OutboxError): Promise<void> {
    return (this.#stopping ??= this.#end(error))
  }

  async #end(error: OutboxError | undefined): Promise<void> {
    this.#giveUp = true
    if (error === undefined) this.#state = 'stopping'
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#loop?.stop()
    this.#wake.notify()
    // A server that hangs does not keep the process.
    if (this.#running !== undefined && error === undefined)
      await within(this.#running, this.#options.stopTimeoutMs + closeMs)
    const { source, publisher } = this.#options
    await this.#close(() => source.leases.close())
    await this.#close(() => source.close())
    await this.#close(() => publisher.close())
    this.#state = error === undefined ? 'stopped' : 'halted'
    this.#emitter.emit('stopped', error === undefined ? {} : { error })
    if (error === undefined) this.#finish.resolve()
    else this.#finish.reject(error)
    this.#startedUp()
  }

  async #close(close: () => Promise<void>): Promise<void> {
    try {
      await within(close(), closeMs)
    } catch (error) {
      this.#fault('close', error)
    }
  }
}

const incurable = ['OUTBOX_OPTION_INVALID', 'OUTBOX_SOURCE_UNSUPPORTED', 'OUTBOX_DRIVER_UNSUPPORTED'] as const

function isIncurable(error: unknown): error is OutboxError {
  return incurable.some((code) => isOutboxError(error, code))
}

function halted(cause: OutboxError): OutboxError {
  return new OutboxError('OUTBOX_RELAY_HALTED', `The relay has halted, as onPoison says: ${cause.message}`, {
    cause,
  })
}

/** Any thrown value as an `OutboxError`. */
function asSourceError(error: unknown): OutboxError {
  if (isOutboxError(error)) return error
  const text = error instanceof Error ? error.message || error.name : String(error)
  return new OutboxError('OUTBOX_SOURCE_FAILED', text, { cause: error })
}

/** Resolves when `promise` does, or after `ms`. Rejects as `promise` does. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => void (timer = setTimeout(resolve, ms)))
  try {
    await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
