import { setMaxListeners } from 'node:events'
import { bounded, fanOut, type Bounded } from '../deadline.js'
import type {
  BatchOutcome,
  KafkaDriver,
  PartitionBatch,
  TopicCreation,
  TopicLookup,
  TopicShape,
} from '../driver.js'
import {
  callTimeoutMs,
  creationFrom,
  lookupFrom,
  notLoaded,
  reasonOf,
  requireConnected,
  requireOpen,
  type Failed,
  type Reason,
} from '../driver-results.js'
import { isTopicError } from '../errors.js'
import { failureOf } from './failures.js'
import type { NativeModule } from './native.js'
import type { BatchProducer } from './producer.js'
import { Producers, type ProducerHandle } from './producers.js'
import { unsendable } from './records.js'
import { createTopic, describeTopic } from './topics.js'

export interface Connector {
  load(): Promise<NativeModule>
  createProducer(module: NativeModule): BatchProducer
  redact(text: string): string
}

type Loaded = { readonly module: NativeModule; readonly records: Producers; readonly questions: Producers }

/** {@link KafkaDriver} on librdkafka. Each batch is a request of its own. */
export class ConfluentDriver implements KafkaDriver {
  readonly name = 'confluent'
  readonly #connector: Connector
  /** Questions have a producer of their own: its connections are not busy with records. */
  #loaded: Loaded | undefined
  readonly #closed = new AbortController()

  constructor(connector: Connector) {
    this.#connector = connector
    setMaxListeners(0, this.#closed.signal)
  }

  async connect(signal: AbortSignal): Promise<void> {
    const result = await this.#call('records', signal, (_, producer) => producer.ready)
    requireConnected(result, (failed) => this.#reasonOf(failed))
  }

  async describeTopic(topic: string, signal: AbortSignal): Promise<TopicLookup> {
    const result = await this.#call('questions', signal, ({ module }, producer) =>
      describeTopic(module, producer, topic),
    )
    return lookupFrom(result, (failed) => this.#reasonOf(failed))
  }

  async createTopic(topic: string, shape: TopicShape, signal: AbortSignal): Promise<TopicCreation> {
    const result = await this.#call('questions', signal, ({ module }, producer, ended) =>
      createTopic(module, producer, topic, shape, ended),
    )
    return creationFrom(result, (failed) => this.#reasonOf(failed))
  }

  async send(
    batches: readonly PartitionBatch[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly BatchOutcome[]> {
    const deadline = performance.now() + options.deadlineMs
    let records: Producers
    try {
      records = (await this.#load()).records
    } catch (error) {
      return notLoaded(batches, error)
    }
    const fanned = fanOut(options.signal, this.#closed.signal)
    const handle = records.acquire()
    try {
      const { producer } = handle
      const connected = await bounded(deadline - performance.now(), fanned.signal, () => producer.ready)
      if (connected.status !== 'done') {
        records.retire(handle)
        const reason = this.#reasonOf(connected, producer)
        return batches.map(() => ({ status: 'failed', ...reason }))
      }
      return await Promise.all(
        batches.map((batch) => this.#sendBatch(records, handle, batch, deadline, fanned.signal)),
      )
    } finally {
      records.release(handle)
      fanned.release()
    }
  }

  async reset(): Promise<void> {
    this.#loaded?.records.retireCurrent()
    await Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    const loaded = this.#loaded
    if (loaded === undefined) return
    loaded.records.retireCurrent()
    loaded.questions.retireCurrent()
    // The calls in flight end now and let go of their producers.
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([loaded.records.ended(), loaded.questions.ended()])
  }

  async #load(): Promise<Loaded> {
    const module = await this.#connector.load()
    requireOpen(this.#closed.signal)
    return (this.#loaded ??= {
      module,
      records: new Producers(() => this.#connector.createProducer(module)),
      questions: new Producers(() => this.#connector.createProducer(module)),
    })
  }

  async #sendBatch(
    records: Producers,
    handle: ProducerHandle,
    batch: PartitionBatch,
    deadline: number,
    signal: AbortSignal,
  ): Promise<BatchOutcome> {
    const refused = unsendable(batch)
    if (refused !== undefined) return { status: 'rejected', code: 'INVALID_RECORD', message: refused }
    const { producer } = handle
    const result = await bounded(deadline - performance.now(), signal, () => producer.send(batch))
    const outcome: BatchOutcome =
      result.status === 'done'
        ? result.value
        : {
            status: producer.withdraw(batch) ? 'failed' : 'unknown',
            ...this.#reasonOf(result, producer),
          }
    // librdkafka learns of new partitions, or of a topic that is back, after minutes; a new producer knows at once.
    const isStale = outcome.status === 'failed' && isTopicError(outcome.code)
    if (isStale || outcome.status === 'unknown') records.retire(handle)
    return outcome
  }

  /** A question or a greeting, with a time limit of its own. After a failure there is a new producer. */
  async #call<T>(
    kind: 'records' | 'questions',
    signal: AbortSignal,
    work: (loaded: Loaded, producer: BatchProducer, ended: AbortSignal) => Promise<T>,
  ): Promise<Bounded<T>> {
    const fanned = fanOut(signal, this.#closed.signal)
    const result = await bounded(callTimeoutMs, fanned.signal, async (ended) => {
      const loaded = await this.#load()
      const handle = loaded[kind].acquire()
      ended.addEventListener('abort', () => loaded[kind].release(handle), { once: true })
      return await work(loaded, handle.producer, ended)
    })
    fanned.release()
    // An answer of a broker, also a bad one, shows that the connection is fine.
    const isAnswer = result.status === 'failed' && Number((result.error as { code?: unknown }).code) > 0
    if (result.status !== 'done' && !isAnswer) this.#loaded?.[kind].retireCurrent()
    return result
  }

  /** With what librdkafka says about its connections, when nothing else is known. */
  #reasonOf(result: Failed, producer?: BatchProducer): Reason {
    const explain = (error: unknown): Reason => failureOf(error, (text) => this.#connector.redact(text))
    const reason = reasonOf(result, explain)
    if (result.status !== 'timeout' || producer?.lastError === undefined) return reason
    const { message } = explain(producer.lastError)
    return { ...reason, message: `${reason.message} (last error: ${message})` }
  }
}
