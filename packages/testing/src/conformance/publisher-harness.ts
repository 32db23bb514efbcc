import type { StoredEvent } from '@outboxkit/core'
import type { Outcome, Publisher } from '@outboxkit/relay'
import type { NetworkUnderTest } from './driver-harness.js'

/** A message as a client reads it back that has nothing to do with the publisher. */
export interface PublishedMessage {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

export interface PublisherStage {
  /** Between the publishers and the only broker. */
  readonly network: NetworkUnderTest
  /** Connected on first use; with the envelope that leaves the payload as the message's value. */
  createPublisher(): Publisher
  /** A new topic that is ready; returns its name. `maxMessageBytes`: what a message may take with its overhead. */
  createTopic(settings?: { readonly partitions?: number; readonly maxMessageBytes?: number }): Promise<string>
  setMaxMessageBytes(topic: string, bytes: number): Promise<void>
  /** `total`: the new number of partitions. Goes past {@link network}. */
  addPartitions(topic: string, total: number): Promise<void>
  /** Where Kafka's Java client puts a key, computed by other code than the publisher's. */
  javaPartition(key: string, partitions: number): number
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

/** Generated keys of many lengths and alphabets, always the same. */
export function generatedKeys(count: number): readonly string[] {
  let state = 42
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
  const alphabet = ['a', 'Z', '7', '-', ' ', '\u0000', 'é', 'ключ', '漢', '😀']
  return Array.from({ length: count }, (_, index) => {
    const letters = Array.from({ length: next(24) }, () => alphabet[next(alphabet.length)])
    return `${index}${letters.join('')}`
  })
}

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
