import type { StoredEvent } from '@outboxkit/core'
import type { Outcome, Publisher } from '@outboxkit/relay'

/** A message as a client reads it back that has nothing to do with the publisher. */
export interface PublishedMessage {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

export interface PublisherStage {
  /** Connected on first use; with the envelope that leaves the payload as the message's value. */
  createPublisher(): Publisher
  /** A new topic that is ready; returns its name. `maxMessageBytes`: what a message may take with its overhead. */
  createTopic(settings?: { readonly partitions?: number; readonly maxMessageBytes?: number }): Promise<string>
  setMaxMessageBytes(topic: string, bytes: number): Promise<void>
  /** A name that no topic has, and its later creation. */
  missingTopic(): { readonly topic: string; create(): Promise<void> }
  /** Everything in the topic, partition by partition in order. */
  read(topic: string): Promise<readonly PublishedMessage[]>
  close(): Promise<void>
}

export interface PublisherHarness {
  readonly name: string
  /** Called once for the suite. */
  open(): Promise<PublisherStage>
}

export const never: AbortSignal = new AbortController().signal

/** A row as a source would read it. `position` also makes the id. */
export function rowOf(position: number, fields: Partial<StoredEvent> = {}): StoredEvent {
  return {
    position,
    id: `00000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    aggregateType: 'order',
    aggregateId: 'k',
    type: 'order.placed',
    payload: JSON.stringify(position),
    headers: null,
    topic: null,
    createdAt: '2026-01-02T03:04:05.678901Z',
    ...fields,
  }
}

export const statuses = (outcomes: readonly Outcome[]): readonly string[] =>
  outcomes.map(({ status }) => status)

/** What was published, as text. */
export const valuesOf = (messages: readonly PublishedMessage[]): readonly string[] =>
  messages.map(({ value }) => Buffer.from(value ?? []).toString())

/** Calls until everything has another outcome than `retry`; the relay would do so with pauses. */
export async function publishAll(
  publisher: Publisher,
  events: readonly StoredEvent[],
  calls = 20,
): Promise<ReadonlyMap<number, Outcome>> {
  const settled = new Map<number, Outcome>()
  for (let call = 0; call < calls && settled.size < events.length; call++) {
    const left = events.filter(({ position }) => !settled.has(position))
    const outcomes = await publisher.publish(left, { signal: never })
    for (const [index, { position }] of left.entries()) {
      const outcome = outcomes[index]
      if (outcome !== undefined && outcome.status !== 'retry') settled.set(position, outcome)
    }
  }
  return settled
}
