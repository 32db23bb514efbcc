import { isOutboxError, OutboxError } from '@outboxkit/core'
import { backoffMs } from './backoff.js'
import type { FaultPhase, RelayEmitter } from './events.js'
import { LastError } from './last-error.js'
import { LeaseKeeper } from './lease.js'
import { Loop, type LoopEnd, type OncePass } from './loop.js'
import type { Histograms, RelayCounters, RelayGauges } from './metrics.js'
import type { ResolvedOptions } from './options.js'
import { ownerName } from './owner-name.js'
import { Wake } from './wake.js'

export interface SupervisorNeeds {
  readonly options: ResolvedOptions
  readonly metrics: RelayCounters & RelayGauges
  readonly histograms: Histograms
  readonly emitter: RelayEmitter
  readonly onOwner: () => void
  readonly onStandby: () => void
  readonly onAsleep: () => void
  readonly onFault: (phase: FaultPhase, error: unknown, retryInMs?: number) => void
  /** Nothing has worked yet, and somebody waits to hear whether it ever will. */
  readonly isFirst: () => boolean
}

/** How it ended; `error`: for good, by itself. */
export interface SupervisorEnd {
  acquired: boolean
  /** Of a pass: nothing was left. */
  complete: boolean
  error?: OutboxError
}

/** Term after term of the lease: waits for it, runs the loop under it, gives it back; after a fault, again. */
export class Supervisor {
  readonly #needs: SupervisorNeeds
  readonly #keeper: LeaseKeeper
  readonly #wake = new Wake()
  readonly #lastError: LastError
  #loop: Loop | undefined
  #stopped = false
  /** Somebody has called {@link wake} since the loop that runs, or ran last, began. */
  #isCalled = false
  #fingerprint: string | undefined

  constructor(needs: SupervisorNeeds) {
    this.#needs = needs
    const { source, termMs, standbyPollMs, ownerPrefix, retry, now, random } = needs.options
    this.#lastError = new LastError(now)
    this.#keeper = new LeaseKeeper({
      leases: source.leases,
      owner: ownerName(ownerPrefix),
      termMs,
      pollMs: standbyPollMs,
      retry,
      now,
      random,
      wake: this.#wake,
      lastError: this.#lastError,
      onStandby: ({ owner, epoch }) => {
        needs.onStandby()
        needs.emitter.emit('standby', { owner, epoch })
      },
      onLook: () => needs.metrics.turns++,
      onRenewed: () => needs.metrics.renewals++,
      onRenewFailed: (error) => needs.onFault('renew', error),
    })
    needs.emitter.on('fault', ({ phase, error }) => {
      // A renewal that fails because of what it was to store would be the next thing to store.
      if (phase !== 'renew') this.#lastError.note(error)
    })
  }

  /** Polls at once. */
  wake(): void {
    this.#isCalled = true
    this.#loop?.poke()
    this.#wake.notify()
  }

  /** Lets {@link run} come to its end; for good. */
  stop(): void {
    this.#stopped = true
    this.#loop?.stop()
    this.#wake.notify()
  }

  /** Until stopped, until a pass is over, or until something that no retry cures. Never throws. */
  async run(once?: OncePass): Promise<SupervisorEnd> {
    const { now, retry, random } = this.#needs.options
    const result: SupervisorEnd = { acquired: false, complete: false }
    const over = (): boolean => this.#stopped || (once !== undefined && now() >= once.deadlineAt)
    let failures = 0
    while (!over()) {
      this.#needs.metrics.turns++
      const startedAt = now()
      const end = await this.#term(over, result, once)
      if (end === undefined || end.kind === 'stopped') continue
      if (end.kind === 'idle') {
        failures = 0
        await this.#sleep()
        continue
      }
      if (end.kind === 'passed') return { ...result, complete: end.complete }
      if (end.kind === 'halted') return { ...result, error: halted(end.error) }
      // Later, a person may be about to repair what has worked before.
      if (this.#needs.isFirst() && isIncurable(end.error)) return { ...result, error: end.error }
      // Whoever has migrated has a newer program, and that one is to go on.
      if (isOutboxError(end.error, 'OUTBOX_SCHEMA_VERSION')) return { ...result, error: end.error }
      // A term that lasted was not the same failure again.
      failures = now() - startedAt > retry.maxMs ? 1 : failures + 1
      const retryInMs = backoffMs(failures, retry, random)
      if (isOutboxError(end.error, 'OUTBOX_LEASE_LOST')) this.#needs.metrics.leasesLost++
      this.#needs.onFault(end.phase, end.error, retryInMs)
      await this.#wait(once === undefined ? retryInMs : Math.min(retryInMs, once.deadlineAt - now()))
    }
    return result
  }

  /** Nothing is connected to the database meanwhile. */
  async #sleep(): Promise<void> {
    const { options, metrics, emitter, onAsleep, onFault } = this.#needs
    const { now, wakeEveryMs, source } = options
    if (this.#stopped || this.#isCalled) return
    await closeQuietly(() => source.leases.close(), onFault)
    metrics.sleeps++
    onAsleep()
    emitter.emit('asleep', { wakeInMs: wakeEveryMs })
    const until = now() + wakeEveryMs
    while (!this.#stopped && !this.#isCalled && now() < until) await this.#wake.wait(until - now())
  }

  /** A notification meant for the loop that has just ended does not cut the back-off short. */
  async #wait(ms: number): Promise<void> {
    const { now } = this.#needs.options
    const until = now() + ms
    while (!this.#stopped && now() < until) await this.#wake.wait(until - now())
  }

  /** `undefined`: given up before the lease was ours. */
  async #term(
    over: () => boolean,
    result: SupervisorEnd,
    once: OncePass | undefined,
  ): Promise<LoopEnd | undefined> {
    const { options, metrics, histograms, emitter, onOwner, onFault } = this.#needs
    let acquired: Awaited<ReturnType<LeaseKeeper['acquire']>>
    try {
      acquired = await this.#keeper.acquire(over)
    } catch (error) {
      return { kind: 'failed', phase: 'acquire', error, quiet: true }
    }
    if (acquired === undefined) return undefined
    const { lease, unclean } = acquired
    result.acquired = true
    metrics.acquisitions++
    if (unclean) metrics.acquisitionsUnclean++
    const loop = new Loop({ options, metrics, histograms, emitter, guard: this.#keeper }, this.#wake, once)
    this.#loop = loop
    this.#isCalled = false
    if (this.#stopped) loop.stop()
    const end = await loop.run(lease, () => {
      metrics.owner = 1
      metrics.epoch = lease.epoch
      onOwner()
      emitter.emit('owner', { epoch: lease.epoch, unclean })
    })
    this.#loop = undefined
    metrics.owner = 0
    this.#compareFingerprint(loop.fingerprint)
    if (end.kind === 'halted') this.#lastError.note(end.error)
    await this.#keeper.end(end.quiet)
    await closeQuietly(() => options.source.close(), onFault)
    return end
  }

  /** A server that changed while nobody was connected. */
  #compareFingerprint(fingerprint: string | undefined): void {
    if (fingerprint === undefined) return
    if (this.#fingerprint !== undefined && this.#fingerprint !== fingerprint)
      this.#needs.metrics.fingerprintChanges++
    this.#fingerprint = fingerprint
  }
}

const incurable = [
  'OUTBOX_OPTION_INVALID',
  'OUTBOX_SOURCE_UNSUPPORTED',
  'OUTBOX_DRIVER_UNSUPPORTED',
  'OUTBOX_SCHEMA_VERSION',
] as const

/** True for what no retry cures. */
export function isIncurable(error: unknown): error is OutboxError {
  return incurable.some((code) => isOutboxError(error, code))
}

function halted(cause: OutboxError): OutboxError {
  return new OutboxError('OUTBOX_RELAY_HALTED', `The relay has halted, as onPoison says: ${cause.message}`, {
    cause,
  })
}

/** How much longer than its own bounds a stop may take when something hangs, in ms. */
export const closeMs = 5_000

/** Closes; what fails is reported, what hangs is left behind. */
export async function closeQuietly(
  close: () => Promise<void>,
  onFault: SupervisorNeeds['onFault'],
): Promise<void> {
  try {
    await within(close(), closeMs)
  } catch (error) {
    onFault('close', error)
  }
}

/** Resolves when `promise` does, or after `ms`. Rejects as `promise` does. */
export async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => void (timer = setTimeout(resolve, ms)))
  try {
    await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
