/** One record for one partition, fully decided by the publisher. */
export interface DriverRecord {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  /** Sent in this order. A `null` value is a header without a value. */
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

/** Records for one partition, in order; becomes one record batch of one produce request. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly DriverRecord[]
}

/** What became of one {@link PartitionBatch}: all of its records share it. */
export type BatchOutcome =
  | { readonly status: 'written' }
  /** Not written for sure, and worth trying again. `code`: Kafka's error name. */
  | { readonly status: 'failed'; readonly code: string; readonly message: string }
  /** The batch as a whole is too large for the topic. */
  | { readonly status: 'too-large' }
  /** The broker refuses these records for good. */
  | { readonly status: 'rejected'; readonly code: string; readonly message: string }
  /** Nobody knows whether it was written: timeout, disconnect, missing or unknown answer. */
  | { readonly status: 'unknown'; readonly code: string; readonly message: string }

export interface TopicDescription {
  readonly partitions: number
  /** `max.message.bytes` of the topic, or `null` when it cannot be read. */
  readonly maxMessageBytes: number | null
  readonly replicationFactor: number | null
  readonly minInsyncReplicas: number | null
}

export type TopicLookup =
  | { readonly status: 'found'; readonly topic: TopicDescription }
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }

/** Of a topic to be created. */
export interface TopicShape {
  readonly partitions: number
  readonly replicationFactor: number
}

export type TopicCreation =
  | { readonly status: 'created' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }

/**
 * A Kafka client behind the publisher. The contract, clause by clause, is in docs/kafka.md and is run against
 * every driver by the driver suite. Not its job: partitioning, splitting, retrying, ordering between calls.
 */
export interface KafkaDriver {
  readonly name: string
  /** Connects (again). */
  connect(signal: AbortSignal): Promise<void>
  describeTopic(topic: string, signal: AbortSignal): Promise<TopicLookup>
  /** Creates a topic; one that exists already counts as created. */
  createTopic(topic: string, shape: TopicShape, signal: AbortSignal): Promise<TopicCreation>
  /**
   * Sends each batch to its partition's leader with acks=all, at most one request in flight per partition, and
   * resolves with exactly one outcome per batch within `deadlineMs`. Never retries by itself, never rejects.
   * Batches are for distinct partitions.
   */
  send(
    batches: readonly PartitionBatch[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly BatchOutcome[]>
  /**
   * Drops the producer, its id and what it may still have in flight; the next call starts a new one. Calls of
   * `send` that have not been answered yet may finish first.
   */
  reset(): Promise<void>
  close(): Promise<void>
}
