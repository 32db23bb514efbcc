import { OutboxError } from '@outboxkit/core'
import type { Outcome } from '@outboxkit/relay'
import type { BatchOutcome, PartitionBatch } from './driver.js'
import { aloneBytes, blockedBy, nextRound, type PlacedEvent } from './plan.js'
import { defaultMaxMessageBytes } from './size.js'

export interface TopicRunOptions {
  readonly topic: string
  /** The topic's `max.message.bytes`. `null`: nobody may read it; only the broker can tell what is too large. */
  readonly maxMessageBytes: number | null
  /** Most bytes of a batch that carries more than one record. */
  readonly maxBatchBytes: number
}

/**
 * The events of one call for one topic, from their placement until each has an outcome. Pure: it says what to
 * send next and takes in what became of it.
 *
 *     pending ──next()──▶ batches ──apply()──▶ published | retry | reject
 *        ▲                            │
 *        └──── halved (too large) ◀───┘
 *
 * A partition that has failed is left alone for the rest of the call; an event that is not published blocks the
 * later ones of its scope.
 */
export class TopicRun {
  readonly #options: TopicRunOptions
  readonly #outcomes = new Map<number, Outcome>()
  readonly #blocked = new Map<string, OutboxError>()
  /** What the later events of a failed partition get as well. */
  readonly #stopped = new Map<number, { readonly error: OutboxError; readonly uncertain: boolean }>()
  readonly #maxRecords = new Map<number, number>()
  #pending: readonly PlacedEvent[]
  #sent: readonly (readonly PlacedEvent[])[] = []

  constructor(events: readonly PlacedEvent[], options: TopicRunOptions) {
    this.#options = options
    const pending: PlacedEvent[] = []
    for (const item of events) {
      const bytes = aloneBytes(item)
      const blocked = item.scope === null ? undefined : this.#blocked.get(item.scope)
      if (blocked !== undefined) this.#outcomes.set(item.index, blockedBy(blocked, options.topic))
      else if (bytes > (options.maxMessageBytes ?? Infinity))
        this.#reject(item, tooLarge(item, options, bytes))
      else pending.push(item)
    }
    this.#pending = pending
    // What was blocked here is later than its culprit; the earlier ones of the scope still go out.
    this.#blocked.clear()
  }

  /** By index of the call. Complete once {@link next} has nothing more to send. */
  get outcomes(): ReadonlyMap<number, Outcome> {
    return this.#outcomes
  }

  /** The batches to send now, one per partition. Empty: finished. */
  next(): readonly PartitionBatch[] {
    const { topic, maxBatchBytes, maxMessageBytes } = this.#options
    const round = nextRound(this.#pending, {
      maxBytes: Math.min(maxBatchBytes, maxMessageBytes ?? defaultMaxMessageBytes),
      maxRecords: this.#maxRecords,
    })
    const batches = [...round.batches]
    this.#sent = batches.map(([, items]) => items)
    return batches.map(([partition, items]) => ({
      topic,
      partition,
      records: items.map((item) => item.record),
    }))
  }

  /** Takes in one outcome per batch of {@link next}. */
  apply(outcomes: readonly BatchOutcome[]): void {
    for (const [index, items] of this.#sent.entries()) this.#applyBatch(items, outcomes[index] ?? noAnswer)
    this.#sent = []
    this.#sift()
  }

  /** Ends the run: what has no outcome gets `retry`. */
  stop(error: OutboxError): void {
    for (const item of this.#pending) this.#retry(item, error, true)
    this.#pending = []
  }

  #applyBatch(items: readonly PlacedEvent[], outcome: BatchOutcome): void {
    const [first] = items
    if (first === undefined) return
    const { partition } = first
    if (outcome.status === 'written') {
      for (const item of items) this.#outcomes.set(item.index, { status: 'published' })
      const limit = this.#maxRecords.get(partition)
      if (limit !== undefined) this.#maxRecords.set(partition, limit * 2)
    } else if (outcome.status === 'failed' || outcome.status === 'unknown') {
      const error = retryError(this.#options.topic, partition, outcome)
      const uncertain = outcome.status === 'unknown'
      this.#stopped.set(partition, { error, uncertain })
      for (const item of items) this.#retry(item, error, uncertain)
    } else if (items.length > 1) {
      // One of them is to blame; nothing of this batch is written, so it can be cut in half.
      this.#maxRecords.set(partition, Math.floor(items.length / 2))
    } else if (outcome.status === 'too-large') {
      this.#reject(first, tooLarge(first, this.#options, aloneBytes(first)))
    } else {
      this.#reject(first, refused(first, this.#options.topic, outcome))
    }
  }

  /** Gives an outcome to whatever cannot go out any more in this call. */
  #sift(): void {
    const pending: PlacedEvent[] = []
    for (const item of this.#pending) {
      if (this.#outcomes.has(item.index)) continue
      const blocked = item.scope === null ? undefined : this.#blocked.get(item.scope)
      const stopped = this.#stopped.get(item.partition)
      if (blocked !== undefined) this.#outcomes.set(item.index, blockedBy(blocked, this.#options.topic))
      else if (stopped !== undefined) this.#retry(item, stopped.error, stopped.uncertain)
      else pending.push(item)
    }
    this.#pending = pending
  }

  #retry(item: PlacedEvent, error: OutboxError, uncertain: boolean): void {
    this.#outcomes.set(item.index, retryOutcome(this.#options.topic, error, uncertain))
    this.#block(item, error)
  }

  #reject(item: PlacedEvent, error: OutboxError): void {
    this.#outcomes.set(item.index, { status: 'reject', error, topic: this.#options.topic })
    this.#block(item, error)
  }

  #block({ scope }: PlacedEvent, error: OutboxError): void {
    if (scope !== null && !this.#blocked.has(scope)) this.#blocked.set(scope, error)
  }
}

const noAnswer: BatchOutcome = {
  status: 'unknown',
  code: 'MISSING_ANSWER',
  message: 'the driver gave no outcome for the partition',
}

/** `uncertain`: nobody knows whether it is this topic that fails. */
export function retryOutcome(topic: string | null, error: OutboxError, uncertain: boolean): Outcome {
  return { status: 'retry', error, topic, ...(uncertain ? { uncertain } : {}) }
}

export function retryError(
  topic: string,
  partition: number | null,
  reason: { readonly code: string; readonly message: string },
): OutboxError {
  const where = partition === null ? `Topic '${topic}'` : `Topic '${topic}', partition ${partition}`
  return new OutboxError('OUTBOX_PUBLISH_RETRY', `${where}: ${reason.message} (${reason.code}).`, {
    details: { topic, partition, code: reason.code },
  })
}

function tooLarge(item: PlacedEvent, options: TopicRunOptions, bytes: number): OutboxError {
  const { topic, maxMessageBytes } = options
  return new OutboxError(
    'OUTBOX_PUBLISH_REJECTED',
    `The event at position ${item.event.position} takes ${bytes} bytes, more than topic '${topic}' accepts (max.message.bytes${maxMessageBytes === null ? '' : `, last read as ${maxMessageBytes}`}). Raise it on the topic, or emit a reference instead.`,
    { details: { topic, position: item.event.position, bytes, maxMessageBytes, code: 'MESSAGE_TOO_LARGE' } },
  )
}

function refused(
  item: PlacedEvent,
  topic: string,
  reason: { readonly code: string; readonly message: string },
): OutboxError {
  return new OutboxError(
    'OUTBOX_PUBLISH_REJECTED',
    `Topic '${topic}' refuses the event at position ${item.event.position}: ${reason.message} (${reason.code}).`,
    { details: { topic, position: item.event.position, code: reason.code } },
  )
}
