import { OutboxError, type StoredEvent } from '@outboxkit/core'
import type { LoopContext } from './send.js'
import type { Batch } from './source.js'

/** Polls the source: at once while there is more, after a growing pause while there is nothing. */
export class Reader {
  readonly #context: LoopContext
  readonly #abort = new AbortController()
  #reading = false
  #pauseMs: number
  #nextAt = -Infinity
  #fingerprint: string | undefined
  #caughtUp = false

  constructor(context: LoopContext) {
    this.#context = context
    this.#pauseMs = context.options.poll.minMs
  }

  get fingerprint(): string | undefined {
    return this.#fingerprint
  }

  /** The last read has found nothing. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** When the next read is due, on the monotonic clock. */
  get nextAt(): number {
    return this.#reading ? Infinity : this.#nextAt
  }

  poke(): void {
    this.#nextAt = -Infinity
    this.#pauseMs = this.#context.options.poll.minMs
  }

  stop(): void {
    this.#abort.abort()
  }

  /**
   * One read; hands over what it has found. Throws what the source throws, and `OUTBOX_SOURCE_FAILED` when
   * another server has answered than before. Once stopped, it hands nothing over and throws nothing.
   */
  async read(found: (events: readonly StoredEvent[]) => void): Promise<void> {
    const { signal } = this.#abort
    this.#reading = true
    try {
      const batch = await this.#context.options.source.read(signal)
      if (signal.aborted) return
      this.#note(batch)
      found(batch.events)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#reading = false
    }
  }

  #note({ events, truncated, fingerprint, late = 0 }: Batch): void {
    const { options, metrics, emitter } = this.#context
    this.#fingerprint ??= fingerprint
    if (fingerprint !== this.#fingerprint) {
      metrics.fingerprintChanges++
      throw serverChanged(this.#fingerprint, fingerprint)
    }
    metrics.reads++
    metrics.lastReadAt = Date.now()
    if (late > 0) {
      metrics.late += late
      emitter.emit('late', { count: late })
    }
    this.#caughtUp = events.length === 0 && !truncated
    if (events.length > 0) this.#pauseMs = options.poll.minMs
    else {
      metrics.readsEmpty++
      this.#pauseMs = Math.min(options.poll.maxMs, this.#pauseMs * 2)
    }
    this.#nextAt = truncated ? -Infinity : options.now() + this.#pauseMs
  }
}

function serverChanged(from: string, to: string): OutboxError {
  return new OutboxError('OUTBOX_SOURCE_FAILED', `The database server has changed from ${from} to ${to}.`, {
    details: { from, to },
  })
}
