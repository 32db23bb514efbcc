import { setMaxListeners } from 'node:events'
import type { Kafka } from 'kafkajs'
import { OutboxError } from '@outboxkit/core'
import { bounded, fanOut, type Bounded } from '../deadline.js'
import type {
  BatchOutcome,
  KafkaDriver,
  PartitionBatch,
  TopicCreation,
  TopicLookup,
  TopicShape,
} from '../driver.js'
import { isTopicError } from '../errors.js'
import { TopicAdmin } from './admin.js'
import type { Client } from './client.js'
import { failureOf } from './failures.js'
import { Producers, type ProducerHandle } from './producers.js'
import { toMessage } from './records.js'

/** Connecting, and asking about topics, may take this long. */
const callTimeoutMs = 30_000

export interface Connector {
  /** Loads kafkajs once. */
  load(): Promise<typeof Kafka | undefined>
  createClient(Class: typeof Kafka | undefined): Client
  redact(text: string): string
}

/** {@link KafkaDriver} on kafkajs. Each batch is a request of its own: only then its answer is sure to be its own. */
export class KafkajsDriver implements KafkaDriver {
  readonly name = 'kafkajs'
  readonly #connector: Connector
  #loaded: { producers: Producers; admin: TopicAdmin } | undefined
  readonly #closed = new AbortController()

  constructor(connector: Connector) {
    this.#connector = connector
    setMaxListeners(0, this.#closed.signal)
  }

  async connect(signal: AbortSignal): Promise<void> {
    const result = await bounded(callTimeoutMs, signal, async () => {
      const { producers } = await this.#load()
      const handle = producers.shared()
      await handle.ready.catch((error: unknown) => {
        producers.retire(handle)
        throw error
      })
    })
    if (result.status === 'done') return
    if (result.status === 'failed' && result.error instanceof OutboxError) throw result.error
    const { code, message } = this.#reasonOf(result)
    throw new OutboxError('OUTBOX_PUBLISH_RETRY', `Kafka cannot be reached: ${message} (${code}).`, {
      details: { code },
    })
  }

  async describeTopic(topic: string, signal: AbortSignal): Promise<TopicLookup> {
    const result = await bounded(callTimeoutMs, signal, async () =>
      (await this.#load()).admin.describe(topic),
    )
    if (result.status === 'done') return result.value
    const { code, message } = this.#reasonOf(result)
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return { status: 'missing' }
    // The connection is fine when only the topic is not.
    if (!isTopicError(code)) this.#loaded?.admin.drop()
    return { status: 'failed', code, message }
  }

  async createTopic(topic: string, shape: TopicShape, signal: AbortSignal): Promise<TopicCreation> {
    const result = await bounded(callTimeoutMs, signal, async () =>
      (await this.#load()).admin.create(topic, shape),
    )
    if (result.status === 'done') return { status: 'created' }
    this.#loaded?.admin.drop()
    return { status: 'failed', ...this.#reasonOf(result) }
  }

  async send(
    batches: readonly PartitionBatch[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly BatchOutcome[]> {
    const deadline = performance.now() + options.deadlineMs
    let producers: Producers
    try {
      producers = (await this.#load()).producers
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return batches.map(() => ({ status: 'failed', code: 'CLIENT_ERROR', message }))
    }
    const fanned = fanOut(options.signal, this.#closed.signal)
    const outcomes = await Promise.all(
      batches.map((batch) => this.#sendBatch(producers, batch, deadline, fanned.signal)),
    )
    fanned.release()
    const troubled = new Set(
      batches.filter((_, index) => outcomes[index]?.status !== 'written').map(({ topic }) => topic),
    )
    for (const { topic } of batches) if (!troubled.has(topic)) producers.rejoin(topic)
    return outcomes
  }

  async reset(): Promise<void> {
    this.#loaded?.producers.retireAll()
    await Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    const loaded = this.#loaded
    if (loaded === undefined) return
    loaded.producers.retireAll()
    loaded.admin.drop()
    // The sends in flight end now and let go of their producers.
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([loaded.producers.ended(), loaded.admin.ended()])
  }

  async #load(): Promise<{ producers: Producers; admin: TopicAdmin }> {
    const Class = await this.#connector.load()
    if (this.#closed.signal.aborted)
      throw new OutboxError('OUTBOX_PUBLISH_RETRY', 'The Kafka driver is closed.')
    return (this.#loaded ??= {
      producers: new Producers(() => this.#connector.createClient(Class)),
      admin: new TopicAdmin(() => this.#connector.createClient(Class)),
    })
  }

  async #sendBatch(
    producers: Producers,
    batch: PartitionBatch,
    deadline: number,
    signal: AbortSignal,
  ): Promise<BatchOutcome> {
    const handle = producers.acquire(batch.topic)
    try {
      const connected = await bounded(deadline - performance.now(), signal, () => handle.ready)
      if (connected.status !== 'done') {
        producers.retire(handle)
        return { status: 'failed', ...this.#reasonOf(connected) }
      }
      const remaining = deadline - performance.now()
      const result = await bounded(remaining, signal, () => this.#produce(handle, batch, remaining))
      const outcome = this.#outcomeOf(result)
      if (outcome.status === 'failed' && isTopicError(outcome.code)) {
        producers.isolate(batch.topic)
        producers.retire(handle)
      }
      if (outcome.status === 'unknown') producers.retire(handle)
      return outcome
    } finally {
      producers.release(handle)
    }
  }

  /** Resolves only with the one answer that says that this batch is written. */
  async #produce(
    { producer }: ProducerHandle,
    batch: PartitionBatch,
    remainingMs: number,
  ): Promise<BatchOutcome> {
    const { topic, partition, records } = batch
    const timestamp = String(Date.now())
    const answers = await producer.send({
      topic,
      acks: -1,
      // The broker's own patience ends first, so that its answer can still arrive.
      timeout: Math.max(1, Math.floor(remainingMs * 0.8)),
      messages: records.map((record) => toMessage(record, partition, timestamp)),
    })
    // kafkajs can resolve without an answer for a partition (tulios/kafkajs#1303).
    const [answer] = answers
    if (
      answers.length === 1 &&
      answer?.topicName === topic &&
      answer.partition === partition &&
      answer.errorCode === 0
    )
      return { status: 'written' }
    return {
      status: 'unknown',
      code: 'MISSING_ANSWER',
      message: `kafkajs resolved a send with ${answers.length} answers, none of them for the partition`,
    }
  }

  #outcomeOf(result: Bounded<BatchOutcome>): BatchOutcome {
    if (result.status === 'done') return result.value
    if (result.status !== 'failed') return { status: 'unknown', ...this.#reasonOf(result) }
    const { verdict, code, message } = failureOf(result.error, (text) => this.#connector.redact(text))
    return verdict === 'too-large' ? { status: 'too-large' } : { status: verdict, code, message }
  }

  #reasonOf(result: Exclude<Bounded<unknown>, { status: 'done' }>): { code: string; message: string } {
    if (result.status === 'timeout') return { code: 'TIMEOUT', message: 'no answer before the deadline' }
    if (result.status === 'aborted') return { code: 'ABORTED', message: 'the call was aborted' }
    const { code, message } = failureOf(result.error, (text) => this.#connector.redact(text))
    return { code, message }
  }
}
