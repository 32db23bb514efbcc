import { OutboxError } from '@outboxkit/core'
import { backoffMs, type BackoffBounds, type Random } from './backoff.js'
import type { LastError } from './last-error.js'
import type { Lease, LeaseState, LeaseStore } from './source.js'
import type { Wake } from './wake.js'

/** What a standby remembers of the lease between two looks. */
export interface Watch {
  readonly epoch: number
  readonly renewals: number
  /** When it was first seen like this, on the standby's own monotonic clock, in ms. */
  readonly since: number
}

/** What a standby does after a look: wait, or try to acquire; `unchangedSince` overrules the database's clock. */
export type StandbyStep =
  | { readonly action: 'wait'; readonly watch: Watch }
  | {
      readonly action: 'acquire'
      readonly watch: Watch
      readonly unchangedSince?: Pick<LeaseState, 'epoch' | 'renewals'>
    }

/**
 * The two rules of taking over. The database's clock says that the lease has expired (or nobody owns it); or
 * the lease has not changed for one term by our own clock, so that a wrong database clock cannot keep a dead
 * owner in place for ever.
 */
export function standbyStep(
  watch: Watch | undefined,
  look: LeaseState,
  now: number,
  termMs: number,
): StandbyStep {
  const same = watch !== undefined && watch.epoch === look.epoch && watch.renewals === look.renewals
  const next = same ? watch : { epoch: look.epoch, renewals: look.renewals, since: now }
  if (look.owner === null || look.expired) return { action: 'acquire', watch: next }
  if (now - next.since < termMs) return { action: 'wait', watch: next }
  return {
    action: 'acquire',
    watch: next,
    unchangedSince: { epoch: look.epoch, renewals: look.renewals },
  }
}

/**
 * How long a lease whose last renewal *started* at `renewedAt` may be used, on the same clock. The margin is
 * for what lies between the check and the bytes on the wire, and for clocks that do not run equally fast.
 */
export function validUntil(renewedAt: number, termMs: number): number {
  return renewedAt + termMs - termMs / 5
}

export interface LeaseKeeperOptions {
  readonly leases: LeaseStore
  /** Name of this relay, which no other has. */
  readonly owner: string
  readonly termMs: number
  readonly pollMs: number
  readonly retry: BackoffBounds
  readonly now: () => number
  readonly random: Random
  readonly wake: Wake
  /** Stored with a renewal, or with the release. */
  readonly lastError: LastError
  readonly onStandby: (look: LeaseState) => void
  /** The lease was looked at while waiting for it. */
  readonly onLook: () => void
  readonly onRenewed: () => void
  /** A renewal has failed and will be tried again. */
  readonly onRenewFailed: (error: unknown) => void
}

/** Owns, or waits for, the lease of one table. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions
  #lease: Lease | undefined
  #validUntil = -Infinity
  #lost: OutboxError | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0

  constructor(options: LeaseKeeperOptions) {
    this.#options = options
  }

  /** Waits until the lease is ours; `undefined` when `givenUp()` says so first. Throws what the store throws. */
  async acquire(givenUp: () => boolean): Promise<{ lease: Lease; unclean: boolean } | undefined> {
    const { leases, owner, termMs, pollMs, now, wake, onStandby, onLook } = this.#options
    let watch: Watch | undefined
    let announced: number | undefined
    while (!givenUp()) {
      const look = await bounded(leases.look(), termMs)
      onLook()
      if (givenUp()) return undefined
      const step = standbyStep(watch, look, now(), termMs)
      watch = step.watch
      if (step.action === 'acquire') {
        const startedAt = now()
        const request = { owner, termMs, unchangedSince: step.unchangedSince }
        const acquired = await bounded(leases.acquire(request), termMs)
        if (acquired !== undefined) {
          this.#begin(acquired.lease, startedAt)
          return acquired
        }
      } else if (announced !== look.epoch) {
        announced = look.epoch
        onStandby(look)
      }
      await wake.wait(pollMs)
    }
    return undefined
  }

  #begin(lease: Lease, startedAt: number): void {
    this.#lease = lease
    this.#lost = undefined
    this.#failures = 0
    this.#validUntil = validUntil(startedAt, this.#options.termMs)
    this.#schedule(this.#options.termMs / 3)
  }

  /** Ms for which the lease may still be used without asking the database. */
  get remainingMs(): number {
    return this.#lost === undefined ? this.#validUntil - this.#options.now() : 0
  }

  /** Throws `OUTBOX_LEASE_LOST` unless the lease is ours by our own clock: call it right before acting. */
  assertOwned(): void {
    if (this.#lost !== undefined) throw this.#lost
    if (this.remainingMs > 0) return
    this.#lost = lost('it could not be renewed in time')
    throw this.#lost
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#renew(), ms)
  }

  async #renew(): Promise<void> {
    const { leases, termMs, now, retry, random, wake, lastError, onRenewed, onRenewFailed } = this.#options
    const lease = this.#lease
    if (lease === undefined) return
    const startedAt = now()
    // After a failure bare: a text that the table does not take must not cost the lease.
    const toStore = this.#failures === 0 ? lastError.take() : undefined
    try {
      const renewed = await bounded(leases.renew(lease, termMs, toStore), termMs)
      if (lease !== this.#lease) return
      if (renewed) {
        this.#failures = 0
        this.#validUntil = validUntil(startedAt, termMs)
        onRenewed()
        this.#schedule(termMs / 3)
        return
      }
      this.#lost = lost('another relay has taken it over')
      wake.notify()
    } catch (error) {
      if (lease !== this.#lease) return
      onRenewFailed(error)
      this.#schedule(Math.min(termMs / 6, backoffMs(++this.#failures, retry, random)))
    }
  }

  /**
   * Ends the ownership. `release`: lets a standby take over at once; only when nothing of ours is still being
   * published. Never throws: an unreleased lease expires.
   */
  async end(release: boolean): Promise<void> {
    const lease = this.#lease
    this.#lease = undefined
    clearTimeout(this.#timer)
    if (lease === undefined || !release) return
    const { termMs } = this.#options
    await bounded(this.#release(lease), termMs / 3).catch(() => undefined)
  }

  async #release(lease: Lease): Promise<void> {
    const { leases, lastError } = this.#options
    const toStore = lastError.take()
    if (toStore === undefined) return leases.release(lease)
    await leases.release(lease, toStore).catch(() => leases.release(lease))
  }
}

/** A connection that has gone silent must not keep us from noticing that the term is over. */
async function bounded<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(new OutboxError('OUTBOX_SOURCE_FAILED', `The lease table did not answer within ${ms} ms.`)),
      ms,
    )
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function lost(why: string): OutboxError {
  return new OutboxError('OUTBOX_LEASE_LOST', `The lease is lost: ${why}.`)
}
