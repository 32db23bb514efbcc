import { bounded, type Bounded } from './deadline.js'
import type { KafkaDriver, TopicDescription, TopicLookup, TopicShape } from './driver.js'

export interface KafkaWarning {
  readonly code: 'topic-unsafe' | 'topic-created' | 'partitions-changed'
  readonly topic: string
  readonly message: string
}

export interface TopicsOptions {
  readonly createTopics: TopicShape | undefined
  readonly timeoutMs: number
  readonly onWarning: (warning: KafkaWarning) => void
}

interface Known {
  description: TopicDescription
  /** Monotonic milliseconds. */
  readAt: number
}

/** How long a description is believed. A failing topic is described again at once. */
const maxAgeMs = 60_000

/**
 * What is known about the topics. The number of partitions stays pinned while a call is publishing to the topic:
 * callers ask at the beginning of a call, when nothing of that topic is in flight.
 */
export class Topics {
  readonly #driver: KafkaDriver
  readonly #options: TopicsOptions
  readonly #known = new Map<string, Known>()
  readonly #warned = new Set<string>()

  constructor(driver: KafkaDriver, options: TopicsOptions) {
    this.#driver = driver
    this.#options = options
  }

  async lookup(topic: string, signal: AbortSignal): Promise<TopicLookup> {
    const known = this.#known.get(topic)
    if (known !== undefined && performance.now() - known.readAt < maxAgeMs)
      return { status: 'found', topic: known.description }
    let found = await this.#describe(topic, signal)
    if (found.status === 'missing' && this.#options.createTopics !== undefined)
      found = await this.#create(topic, this.#options.createTopics, signal)
    if (found.status === 'found') this.#remember(topic, found.topic, known?.description)
    // A count that is out of date must not be used once it is known that the topic is gone.
    else if (found.status === 'missing') this.#known.delete(topic)
    return found
  }

  /** The next lookup asks the broker. */
  doubt(topic: string): void {
    const known = this.#known.get(topic)
    if (known !== undefined) known.readAt = -Infinity
  }

  async #describe(topic: string, signal: AbortSignal): Promise<TopicLookup> {
    const result = await bounded(this.#options.timeoutMs, signal, (inner) =>
      this.#driver.describeTopic(topic, inner),
    )
    if (result.status === 'done') return result.value
    return { status: 'failed', ...reasonOf(result) }
  }

  async #create(topic: string, shape: TopicShape, signal: AbortSignal): Promise<TopicLookup> {
    const result = await bounded(this.#options.timeoutMs, signal, (inner) =>
      this.#driver.createTopic(topic, shape, inner),
    )
    if (result.status !== 'done') return { status: 'failed', ...reasonOf(result) }
    if (result.value.status === 'failed') return result.value
    this.#options.onWarning({
      code: 'topic-created',
      topic,
      message: `The topic '${topic}' was missing and has been created with ${shape.partitions} partitions and replication factor ${shape.replicationFactor}.`,
    })
    return this.#describe(topic, signal)
  }

  #remember(topic: string, description: TopicDescription, before: TopicDescription | undefined): void {
    this.#known.set(topic, { description, readAt: performance.now() })
    if (before !== undefined && before.partitions !== description.partitions)
      this.#options.onWarning({
        code: 'partitions-changed',
        topic,
        message: `The topic '${topic}' has ${description.partitions} partitions now instead of ${before.partitions}: keys may move to other partitions, and order is only kept from here on.`,
      })
    const problem = unsafe(description)
    if (problem === undefined || this.#warned.has(topic)) return
    this.#warned.add(topic)
    this.#options.onWarning({
      code: 'topic-unsafe',
      topic,
      message: `The topic '${topic}' has ${problem}: the cluster may lose events that it has acknowledged and that have left the outbox. Use replication factor 3 and min.insync.replicas 2.`,
    })
  }
}

function unsafe({ replicationFactor, minInsyncReplicas }: TopicDescription): string | undefined {
  if (replicationFactor === 1) return 'replication factor 1'
  return minInsyncReplicas === 1 ? 'min.insync.replicas 1' : undefined
}

function reasonOf(result: Exclude<Bounded<unknown>, { status: 'done' }>): {
  readonly code: string
  readonly message: string
} {
  if (result.status === 'timeout') return { code: 'TIMEOUT', message: 'the cluster did not answer in time' }
  if (result.status === 'aborted') return { code: 'ABORTED', message: 'the call was aborted' }
  return {
    code: 'ERROR',
    message: result.error instanceof Error ? result.error.message : String(result.error),
  }
}
