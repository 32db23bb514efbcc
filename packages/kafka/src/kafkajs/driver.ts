import { setMaxListeners } from 'node:events'
import type { Kafka } from 'kafkajs'
import { groupBy, maxRequestBytes, outcomeFrom, packRequests, type Answer } from '../answers.js'
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
  noOutcome,
  notLoaded,
  reasonOf,
  requireConnected,
  requireOpen,
  type Failed,
  type Reason,
} from '../driver-results.js'
import { isTopicError } from '../errors.js'
import { TopicAdmin } from './admin.js'
import { answersOf } from './answers.js'
import type { Client } from './client.js'
import { failureOf } from './failures.js'
import { Producers, type ProducerHandle } from './producers.js'
import { toMessage } from './records.js'

interface Loaded {
  readonly producers: Producers
  readonly admin: TopicAdmin
  readonly keepsAnswers: boolean
}

export interface Connector {
  /** Loads kafkajs once. `keepsAnswers`: its errors carry the answers for all partitions of a request. */
  load(): Promise<{ readonly Class: typeof Kafka | undefined; readonly keepsAnswers: boolean }>
  createClient(Class: typeof Kafka | undefined): Client
  redact(text: string): string
}

/**
 * {@link KafkaDriver} on kafkajs. The batches of a topic whose partitions have the same leader are one request, where
 * the answers for all of them are to be had; else each batch is a request of its own.
 */
export class KafkajsDriver implements KafkaDriver {
  readonly name = 'kafkajs'
  readonly #connector: Connector
  #loaded: Loaded | undefined
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
    requireConnected(result, (failed) => this.#reasonOf(failed))
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
    if (result.status !== 'done') this.#loaded?.admin.drop()
    return creationFrom(result, (failed) => this.#reasonOf(failed))
  }

  async send(
    batches: readonly PartitionBatch[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly BatchOutcome[]> {
    const deadline = performance.now() + options.deadlineMs
    let loaded: Loaded
    try {
      loaded = await this.#load()
    } catch (error) {
      return notLoaded(batches, error)
    }
    const { producers, admin } = loaded
    const fanned = fanOut(options.signal, this.#closed.signal)
    const outcomes = new Map<PartitionBatch, BatchOutcome>()
    await Promise.all(
      requestsFor(batches, loaded).map(async (group) => {
        const found = await this.#sendGroup(producers, group, deadline, fanned.signal)
        for (const [index, batch] of group.entries()) outcomes.set(batch, found[index] ?? noOutcome)
      }),
    )
    fanned.release()
    const troubled = new Set(
      batches.filter((batch) => outcomes.get(batch)?.status !== 'written').map(({ topic }) => topic),
    )
    for (const topic of troubled) admin.forget(topic)
    for (const { topic } of batches) if (!troubled.has(topic)) producers.rejoin(topic)
    return batches.map((batch) => outcomes.get(batch) ?? noOutcome)
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

  async #load(): Promise<Loaded> {
    const { Class, keepsAnswers } = await this.#connector.load()
    requireOpen(this.#closed.signal)
    return (this.#loaded ??= {
      producers: new Producers(() => this.#connector.createClient(Class)),
      admin: new TopicAdmin(() => this.#connector.createClient(Class)),
      keepsAnswers,
    })
  }

  /** Batches of one topic, as one request if their partitions still have one leader. One outcome for each. */
  async #sendGroup(
    producers: Producers,
    batches: readonly PartitionBatch[],
    deadline: number,
    signal: AbortSignal,
  ): Promise<readonly BatchOutcome[]> {
    const topic = batches[0]?.topic ?? ''
    const handle = producers.acquire(topic)
    try {
      const connected = await bounded(deadline - performance.now(), signal, () => handle.ready)
      if (connected.status !== 'done') {
        producers.retire(handle)
        const reason = this.#reasonOf(connected)
        return batches.map(() => ({ status: 'failed', ...reason }))
      }
      const remaining = deadline - performance.now()
      const result = await bounded(remaining, signal, () => produce(handle, topic, batches, remaining))
      const outcomes = this.#outcomesOf(result, batches)
      if (outcomes.some((outcome) => outcome.status === 'failed' && isTopicError(outcome.code))) {
        producers.isolate(topic)
        producers.retire(handle)
      }
      if (outcomes.some(({ status }) => status === 'unknown')) producers.retire(handle)
      return outcomes
    } finally {
      producers.release(handle)
    }
  }

  #outcomesOf(
    result: Bounded<readonly Answer[]>,
    batches: readonly PartitionBatch[],
  ): readonly BatchOutcome[] {
    const answers = result.status === 'failed' ? answersOf(result.error) : undefined
    if (result.status === 'done' || answers !== undefined) {
      const all = answers ?? (result.status === 'done' ? result.value : [])
      return batches.map((batch) => outcomeFrom(all, batch))
    }
    const outcome = this.#outcomeWithoutAnswer(result)
    return batches.map(() => outcome)
  }

  #outcomeWithoutAnswer(result: Failed): BatchOutcome {
    if (result.status !== 'failed') return { status: 'unknown', ...this.#reasonOf(result) }
    const { verdict, code, message } = failureOf(result.error, (text) => this.#connector.redact(text))
    return verdict === 'too-large' ? { status: 'too-large' } : { status: verdict, code, message }
  }

  #reasonOf(result: Failed): Reason {
    return reasonOf(result, (error) => failureOf(error, (text) => this.#connector.redact(text)))
  }
}

/** Which batches go out together: those of a topic with the same leader, or each alone. */
function requestsFor(
  batches: readonly PartitionBatch[],
  { admin, keepsAnswers }: Loaded,
): PartitionBatch[][] {
  if (!keepsAnswers) return batches.map((batch) => [batch])
  const byTopic = groupBy(batches, ({ topic }) => topic)
  return [...byTopic].flatMap(([topic, list]) => {
    const leaders = admin.leadersOf(topic)
    // A partition whose leader is not known goes alone.
    const groups = groupBy(list, ({ partition }) => leaders.get(partition) ?? `partition ${partition}`)
    return [...groups.values()].flatMap((group) => packRequests(group, maxRequestBytes))
  })
}

/** kafkajs can resolve without an answer for a partition (tulios/kafkajs#1303): each is looked for. */
async function produce(
  { producer }: ProducerHandle,
  topic: string,
  batches: readonly PartitionBatch[],
  remainingMs: number,
): Promise<readonly Answer[]> {
  const timestamp = String(Date.now())
  const answers = await producer.send({
    topic,
    acks: -1,
    // The broker's own patience ends first, so that its answer can still arrive.
    timeout: Math.max(1, Math.floor(remainingMs * 0.8)),
    messages: batches.flatMap(({ partition, records }) =>
      records.map((record) => toMessage(record, partition, timestamp)),
    ),
  })
  return answers.map(({ topicName, partition, errorCode }) => ({ topic: topicName, partition, errorCode }))
}
