import { setMaxListeners } from 'node:events'
import { groupBy, maxRequestBytes, outcomeFrom, packRequests } from '../answers.js'
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
  noOutcome,
  notLoaded,
  reasonOf,
  requireConnected,
  requireOpen,
  type Failed,
  type Reason,
} from '../driver-results.js'
import { isTopicError } from '../errors.js'
import type { Cluster } from './cluster.js'
import { Clusters, type ClusterHandle } from './clusters.js'
import { failureOf } from './failures.js'
import type { Module } from './load.js'
import { toMessages } from './records.js'

export interface Connector {
  load(): Promise<Module>
  createCluster(module: Module): Cluster
  redact(text: string): string
}

/**
 * {@link KafkaDriver} on @platformatic/kafka. All partitions of a topic that one broker leads are one request: its
 * response has an answer for each of them.
 */
export class PlatformaticDriver implements KafkaDriver {
  readonly name = 'platformatic'
  readonly #connector: Connector
  /** Questions have connections of their own: a broker answers a connection's requests one after the other. */
  #loaded: { records: Clusters; questions: Clusters } | undefined
  readonly #closed = new AbortController()

  constructor(connector: Connector) {
    this.#connector = connector
    setMaxListeners(0, this.#closed.signal)
  }

  async connect(signal: AbortSignal): Promise<void> {
    const result = await this.#call('records', signal, (cluster) => cluster.connect())
    requireConnected(result, (failed) => this.#reasonOf(failed))
  }

  async describeTopic(topic: string, signal: AbortSignal): Promise<TopicLookup> {
    const result = await this.#call('questions', signal, (cluster) => cluster.describe(topic))
    return lookupFrom(result, (failed) => this.#reasonOf(failed))
  }

  async createTopic(topic: string, shape: TopicShape, signal: AbortSignal): Promise<TopicCreation> {
    const result = await this.#call('questions', signal, async (cluster, ended) => {
      await cluster.create(topic, shape, callTimeoutMs).catch((error: unknown) => {
        if (this.#reasonOf({ status: 'failed', error }).code !== 'TOPIC_ALREADY_EXISTS') throw error
      })
      await cluster.untilLed(topic, ended)
    })
    return creationFrom(result, (failed) => this.#reasonOf(failed))
  }

  async send(
    batches: readonly PartitionBatch[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly BatchOutcome[]> {
    const deadline = performance.now() + options.deadlineMs
    let records: Clusters
    try {
      records = (await this.#load()).records
    } catch (error) {
      return notLoaded(batches, error)
    }
    const fanned = fanOut(options.signal, this.#closed.signal)
    const outcomes = new Map<PartitionBatch, BatchOutcome>()
    const topics = [...groupBy(batches, ({ topic }) => topic)].map(async ([topic, list]) => {
      const found = await this.#sendTopic(records, topic, list, deadline, fanned.signal)
      for (const [batch, outcome] of found) outcomes.set(batch, outcome)
    })
    await Promise.all(topics)
    fanned.release()
    return batches.map((batch) => outcomes.get(batch) ?? noOutcome)
  }

  async reset(): Promise<void> {
    this.#loaded?.records.retireCurrent()
    await Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#loaded?.records.retireCurrent()
    this.#loaded?.questions.retireCurrent()
    // The calls in flight end now and let go of their connections.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async #load(): Promise<{ records: Clusters; questions: Clusters }> {
    const module = await this.#connector.load()
    requireOpen(this.#closed.signal)
    return (this.#loaded ??= {
      records: new Clusters(() => this.#connector.createCluster(module)),
      questions: new Clusters(() => this.#connector.createCluster(module)),
    })
  }

  async #sendTopic(
    records: Clusters,
    topic: string,
    batches: readonly PartitionBatch[],
    deadline: number,
    signal: AbortSignal,
  ): Promise<readonly (readonly [PartitionBatch, BatchOutcome])[]> {
    const handle = records.acquire()
    const { cluster } = handle
    try {
      const placed = await bounded(deadline - performance.now(), signal, () =>
        Promise.all(batches.map(({ partition }) => cluster.leaderOf(topic, partition))),
      )
      if (placed.status !== 'done') {
        const reason = this.#reasonOf(placed)
        // Nothing has been sent. The connections are fine when only the topic is not.
        if (!isTopicError(reason.code)) records.retire(handle)
        return batches.map((batch) => [batch, { status: 'failed', ...reason }])
      }
      const byLeader = groupBy([...batches.keys()], (index) => placed.value[index] ?? null)
      const requests = [...byLeader].flatMap(([leader, indexes]) =>
        packRequests(
          indexes.flatMap((index) => batches[index] ?? []),
          maxRequestBytes,
        ).map((list) => this.#request(records, handle, leader, list, deadline, signal)),
      )
      const outcomes = (await Promise.all(requests)).flat()
      if (outcomes.some(([, { status }]) => status !== 'written')) cluster.forget(topic)
      return outcomes
    } finally {
      records.release(handle)
    }
  }

  /** Batches of one topic whose partitions have one leader. */
  async #request(
    records: Clusters,
    handle: ClusterHandle,
    leader: number | null,
    batches: readonly PartitionBatch[],
    deadline: number,
    signal: AbortSignal,
  ): Promise<readonly (readonly [PartitionBatch, BatchOutcome])[]> {
    if (leader === null || leader < 0)
      return batches.map((batch) => [batch, leader === null ? noPartition : noLeader])
    const remaining = deadline - performance.now()
    const timestamp = BigInt(Date.now())
    const result = await bounded(remaining, signal, () =>
      handle.cluster.produce(
        leader,
        batches.flatMap((batch) => toMessages(batch, timestamp)),
        // The broker's own patience ends first, so that its answer can still arrive.
        Math.max(1, Math.floor(remaining * 0.8)),
      ),
    )
    const outcomes = batches.map((batch) => {
      if (result.status !== 'done') return [batch, { status: 'unknown', ...this.#reasonOf(result) }] as const
      return [batch, outcomeFrom(result.value, batch)] as const
    })
    if (outcomes.some(([, { status }]) => status === 'unknown')) records.retire(handle)
    return outcomes
  }

  /** A question or a greeting, with a time limit of its own. After a failure new connections are made. */
  async #call<T>(
    kind: 'records' | 'questions',
    signal: AbortSignal,
    work: (cluster: Cluster, ended: AbortSignal) => Promise<T>,
  ): Promise<Bounded<T>> {
    const fanned = fanOut(signal, this.#closed.signal)
    const result = await bounded(callTimeoutMs, fanned.signal, async (ended) => {
      const clusters = (await this.#load())[kind]
      const handle = clusters.acquire()
      const onEnd = (): void => clusters.release(handle)
      ended.addEventListener('abort', onEnd, { once: true })
      return await work(handle.cluster, ended)
    })
    fanned.release()
    if (result.status !== 'done' && !isTopicError(this.#reasonOf(result).code))
      this.#loaded?.[kind].retireCurrent()
    return result
  }

  #reasonOf(result: Failed): Reason {
    return reasonOf(result, (error) => failureOf(error, (text) => this.#connector.redact(text)))
  }
}

const noPartition: BatchOutcome = {
  status: 'failed',
  code: 'UNKNOWN_TOPIC_OR_PARTITION',
  message: 'the topic has no such partition',
}

const noLeader: BatchOutcome = {
  status: 'failed',
  code: 'LEADER_NOT_AVAILABLE',
  message: 'the partition has no leader at the moment',
}
