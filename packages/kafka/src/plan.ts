import { isOutboxError, OutboxError, scopeOf, type Envelope, type StoredEvent } from '@outboxkit/core'
import type { Outcome } from '@outboxkit/relay'
import type { DriverRecord } from './driver.js'
import { partitionOf } from './murmur2.js'
import type { Router } from './routing.js'
import { batchOverhead, bodySize, sizeInBatch } from './size.js'

/** An event that has become a record for a topic. */
export interface PlannedEvent {
  /** Its place in the call. */
  readonly index: number
  readonly event: StoredEvent
  /** Events with the same scope keep their order. `null`: no order. */
  readonly scope: string | null
  readonly record: DriverRecord
  /** Of the record, wherever it stands in a batch: measured once. */
  readonly bodyBytes: number
  /** `null`: any partition will do. */
  readonly key: Uint8Array | null
}

/** A planned event whose partition is decided. */
export interface PlacedEvent extends PlannedEvent {
  readonly partition: number
}

export interface Plan {
  readonly byTopic: ReadonlyMap<string, readonly PlannedEvent[]>
  /** Outcomes that are certain before anything is sent, by index. */
  readonly outcomes: ReadonlyMap<number, Outcome>
}

/**
 * Routes each event and puts it into its envelope. What cannot be published is rejected, and later events of its
 * scope wait: those for the same topic, or all when no topic could be made out.
 */
export function planEvents(events: readonly StoredEvent[], router: Router, envelope: Envelope): Plan {
  const byTopic = new Map<string, PlannedEvent[]>()
  const outcomes = new Map<number, Outcome>()
  const blocked = new Map<string, OutboxError>()
  for (const [index, event] of events.entries()) {
    const scope = scopeOf(event)
    let topic: string | null = null
    try {
      topic = router.topicOf(event)
      const cause =
        scope === null ? undefined : (blocked.get(placeOf(null, scope)) ?? blocked.get(placeOf(topic, scope)))
      if (cause !== undefined) {
        outcomes.set(index, blockedBy(cause, topic))
        continue
      }
      const planned = plan(index, event, scope, envelope)
      const list = byTopic.get(topic)
      if (list === undefined) byTopic.set(topic, [planned])
      else list.push(planned)
    } catch (thrown) {
      const error = asRejection(thrown, event)
      outcomes.set(index, { status: 'reject', error, topic })
      if (scope !== null) blocked.set(placeOf(topic, scope), error)
    }
  }
  return { byTopic, outcomes }
}

/** A topic (`null`: every topic) and a scope as one key; no topic name has a line feed. */
function placeOf(topic: string | null, scope: string): string {
  return `${topic ?? ''}\n${scope}`
}

function plan(index: number, event: StoredEvent, scope: string | null, envelope: Envelope): PlannedEvent {
  const message = envelope.toMessage(event)
  const key = message.key === null ? null : Buffer.from(message.key)
  const record = { key, value: message.value, headers: message.headers }
  return { index, event, scope, key, record, bodyBytes: bodySize(record) }
}

function asRejection(thrown: unknown, event: StoredEvent): OutboxError {
  if (isOutboxError(thrown)) return thrown
  return new OutboxError(
    'OUTBOX_PUBLISH_REJECTED',
    `The event at position ${event.position} could not be turned into a message: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    { details: { position: event.position }, cause: thrown },
  )
}

/** The outcome of an event that waits behind an earlier one of its scope. */
export function blockedBy(cause: OutboxError, topic: string | null): Outcome {
  return {
    status: 'retry',
    topic,
    error: new OutboxError(
      'OUTBOX_PUBLISH_RETRY',
      `Waits behind an earlier event of the same key: ${cause.message}`,
      { details: { topic, blocked: true, code: cause.code } },
    ),
  }
}

/** Keys go where the Java client puts them; events without a key all go to `sticky`. */
export function placeEvents(
  events: readonly PlannedEvent[],
  partitions: number,
  sticky: number,
): readonly PlacedEvent[] {
  return events.map((event) => ({
    ...event,
    partition: event.key === null ? sticky % partitions : partitionOf(event.key, partitions),
  }))
}

/** Bytes of the smallest batch that can carry the record. */
export function aloneBytes({ bodyBytes }: PlannedEvent): number {
  return batchOverhead + sizeInBatch(bodyBytes, 0)
}

export interface RoundLimits {
  /** Per batch. A record that is larger goes alone. */
  readonly maxBytes: number
  /** Most records in a batch for this partition; missing: no limit. */
  readonly maxRecords: ReadonlyMap<number, number>
}

export interface Round {
  readonly batches: ReadonlyMap<number, readonly PlacedEvent[]>
  /** Not part of this round, in order. */
  readonly later: readonly PlacedEvent[]
}

/**
 * Chooses the next batch of each partition. Within a partition the order stays; and an event whose scope has
 * something earlier in another partition (an envelope of one's own may do that) waits for a later round.
 */
export function nextRound(pending: readonly PlacedEvent[], limits: RoundLimits): Round {
  const batches = new Map<number, PlacedEvent[]>()
  const bytes = new Map<number, number>()
  const closed = new Set<number>()
  const places = new Map<string, number | 'later'>()
  const later: PlacedEvent[] = []
  for (const item of pending) {
    const { partition, scope } = item
    const batch = batches.get(partition) ?? []
    const place = scope === null ? undefined : places.get(scope)
    const size = sizeInBatch(item.bodyBytes, batch.length)
    const total = (bytes.get(partition) ?? batchOverhead) + size
    const full =
      batch.length > 0 &&
      (total > limits.maxBytes || batch.length >= (limits.maxRecords.get(partition) ?? Infinity))
    if (closed.has(partition) || full || (place !== undefined && place !== partition)) {
      closed.add(partition)
      later.push(item)
      if (scope !== null) places.set(scope, 'later')
      continue
    }
    batch.push(item)
    batches.set(partition, batch)
    bytes.set(partition, total)
    if (scope !== null) places.set(scope, partition)
  }
  return { batches, later }
}

/**
 * An event is only rejected when nothing of its scope waits before it: with `retry` for an earlier one a later
 * one gets `retry` too, so that whoever parks a rejected event does not park it ahead of its turn.
 */
export function rejectInTurn(
  events: readonly StoredEvent[],
  outcomes: readonly Outcome[],
): readonly Outcome[] {
  const waiting = new Map<string, OutboxError>()
  return outcomes.map((outcome, index) => {
    if (outcome.status === 'published') return outcome
    const event = events[index]
    const scope = event === undefined ? null : scopeOf(event)
    if (scope === null) return outcome
    if (outcome.status === 'retry') {
      waiting.set(placeOf(outcome.topic, scope), outcome.error)
      waiting.set(placeOf(null, scope), outcome.error)
      return outcome
    }
    const earlier = waiting.get(placeOf(outcome.topic, scope))
    return earlier === undefined ? outcome : blockedBy(earlier, outcome.topic)
  })
}
