import { isOutboxError, OutboxError, type StoredEvent } from '@outboxkit/core'
import type { RelayEmitter } from './events.js'
import type { Histograms, RelayCounters, RelayGauges } from './metrics.js'
import { MomentReader } from './moment.js'
import type { FaultPoint, ResolvedOptions } from './options.js'
import type { Outcome } from './publisher.js'
import { traceSend } from './tracing.js'

/** The proof, by our own clock, that nobody else owns the lease yet. */
export interface LeaseGuard {
  /** Throws `OUTBOX_LEASE_LOST`. */
  assertOwned(): void
  readonly remainingMs: number
}

/** What everything that works under one lease shares. */
export interface LoopContext {
  readonly options: ResolvedOptions
  readonly guard: LeaseGuard
  readonly metrics: RelayCounters & RelayGauges
  readonly histograms: Histograms
  readonly emitter: RelayEmitter
}

/** What a test hook asks for; nothing in production. */
export async function reachPoint(options: ResolvedOptions, point: FaultPoint): Promise<void> {
  if (options.onPoint !== undefined) await options.onPoint(point)
}

// After an abort the publisher has this long to answer, in ms.
const abortGraceMs = 2_000

/** Calls the publisher: under the lease, bounded in time, and with an outcome for every event whatever it does. */
export class Sender {
  readonly #context: LoopContext
  readonly #calls = new Set<AbortController>()
  readonly #moments = new MomentReader()
  #unanswered = 0

  constructor(context: LoopContext) {
    this.#context = context
  }

  /** True while the publisher may still be sending something of ours. */
  get busy(): boolean {
    return this.#unanswered > 0
  }

  /** Ends all calls soon; what has no answer yet counts as `retry`. */
  abort(): void {
    for (const call of this.#calls) call.abort()
  }

  /**
   * Throws only `OUTBOX_LEASE_LOST`, and `OUTBOX_PUBLISH_RETRY` when the publisher does not even answer an abort.
   */
  async send(events: readonly StoredEvent[]): Promise<readonly Outcome[]> {
    const { options, guard, metrics, histograms, emitter } = this.#context
    await reachPoint(options, 'before-send')
    // Right before the bytes leave: a process that was paused notices here that its lease is over.
    guard.assertOwned()
    const startedAt = options.now()
    const outcomes = await traceSend(options, events, () => this.#publish(events))
    await reachPoint(options, 'after-ack')
    const durationMs = options.now() - startedAt
    const published = events.filter((_, index) => outcomes[index]?.status === 'published')
    metrics.publishCalls++
    metrics.publishMs += durationMs
    histograms.publishMs.add(durationMs)
    histograms.publishEvents.add(events.length)
    this.#addLags(published)
    metrics.published += published.length
    for (const { status } of outcomes) {
      if (status === 'retry') metrics.retried++
      else if (status === 'reject') metrics.rejected++
    }
    if (published.length === 0) metrics.publishCallsFailed++
    else {
      metrics.lastPublishedAt = Date.now()
      emitter.emit('published', { events: published, durationMs })
    }
    return outcomes
  }

  #addLags(published: readonly StoredEvent[]): void {
    const { options, histograms } = this.#context
    const now = Date.now() + (options.source.clockOffsetMs ?? 0)
    for (const { createdAt } of published) {
      const lagMs = now - this.#moments.read(createdAt)
      // A row written by hand may have any time in it, or none.
      if (!Number.isNaN(lagMs)) histograms.lagMs.add(Math.max(0, lagMs))
    }
  }

  async #publish(events: readonly StoredEvent[]): Promise<readonly Outcome[]> {
    const { publisher, publishTimeoutMs } = this.#context.options
    const call = new AbortController()
    this.#calls.add(call)
    // The lease may end before the timeout does.
    const timeoutMs = Math.min(publishTimeoutMs, this.#context.guard.remainingMs)
    const timer = setTimeout(() => call.abort(), timeoutMs)
    let graceTimer: NodeJS.Timeout | undefined
    const hung = new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(unanswered(publisher.name))
      const startGrace = (): void => void (graceTimer = setTimeout(giveUp, abortGraceMs))
      call.signal.addEventListener('abort', startGrace, { once: true })
    })
    try {
      const answer = this.#answer(publisher.publish(events, { signal: call.signal }))
      const outcomes = await Promise.race([answer, hung])
      return events.map((_, index) => outcomes[index] ?? missing(publisher.name))
    } catch (error) {
      if (isOutboxError(error) && error.details['unanswered'] === true) throw error
      return events.map(() => ({ status: 'retry', error: asRetry(error, publisher.name), topic: null }))
    } finally {
      clearTimeout(timer)
      clearTimeout(graceTimer)
      this.#calls.delete(call)
    }
  }

  async #answer(answer: Promise<readonly Outcome[]>): Promise<readonly Outcome[]> {
    this.#unanswered++
    try {
      return await answer
    } finally {
      this.#unanswered--
    }
  }
}

function unanswered(publisher: string): OutboxError {
  return new OutboxError(
    'OUTBOX_PUBLISH_RETRY',
    `Publisher ${publisher} does not answer, not even when its call is aborted.`,
    { details: { unanswered: true } },
  )
}

function missing(publisher: string): Outcome {
  const error = new OutboxError(
    'OUTBOX_PUBLISH_RETRY',
    `Publisher ${publisher} gave no answer for this event.`,
  )
  return { status: 'retry', error, topic: null }
}

function asRetry(error: unknown, publisher: string): OutboxError {
  if (isOutboxError(error)) return error
  const text = error instanceof Error ? error.message : String(error)
  return new OutboxError('OUTBOX_PUBLISH_RETRY', `Publisher ${publisher} failed: ${text}`, { cause: error })
}
