import { isOutboxError, OutboxError } from '@outboxkit/core'
import type { LoopContext } from './send.js'
import type { Serial } from './serial.js'

// A step is followed by a pause so many times as long as it took: a tenth of the time goes into cleaning at most.
const pauseFactor = 9
const leastPauseMs = 50
// When nothing has passed its retention, or cleaning fails, the next look is so much later.
const restMs = 60_000

/** In the owner: deletes what has passed its retention in the archive, step by step. */
export class Janitor {
  readonly #context: LoopContext
  readonly #serial: Serial
  #nextAt = -Infinity
  #isBusy = false
  #hasMore = false

  /** A settlement waits for at most one step: both go through `serial`. */
  constructor(context: LoopContext, serial: Serial) {
    this.#context = context
    this.#serial = serial
  }

  /** When there is something to do next, on the monotonic clock. */
  get nextAt(): number {
    return this.#isBusy || this.#context.options.source.prune === undefined ? Infinity : this.#nextAt
  }

  /** More is known to have passed its retention. */
  get hasMore(): boolean {
    return this.#hasMore
  }

  /** One step. Rejects only when the lease is lost: whatever else fails is tried again later. */
  async clean(): Promise<void> {
    const { options, guard, emitter, metrics } = this.#context
    this.#isBusy = true
    const startedAt = options.now()
    try {
      this.#hasMore = await this.#serial(async () => {
        guard.assertOwned()
        return (await options.source.prune?.()) === true
      })
      const pauseMs = Math.max(leastPauseMs, pauseFactor * (options.now() - startedAt))
      this.#nextAt = options.now() + (this.#hasMore ? pauseMs : restMs)
    } catch (error) {
      if (isOutboxError(error, 'OUTBOX_LEASE_LOST')) throw error
      this.#hasMore = false
      this.#nextAt = options.now() + restMs
      metrics.faults++
      emitter.emit('fault', { phase: 'clean', error: asOutboxError(error), retryInMs: restMs })
    } finally {
      this.#isBusy = false
    }
  }
}

function asOutboxError(error: unknown): OutboxError {
  if (isOutboxError(error)) return error
  const text = error instanceof Error ? error.message : String(error)
  return new OutboxError('OUTBOX_SOURCE_FAILED', `The archive could not be cleaned: ${text}`, {
    cause: error,
  })
}
