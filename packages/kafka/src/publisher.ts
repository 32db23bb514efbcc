import { OutboxError, untraced, type StoredEvent } from '@outboxkit/core'
import type { Outcome, Publisher } from '@outboxkit/relay'
import { bounded, fanOut } from './deadline.js'
import type { BatchOutcome, PartitionBatch } from './driver.js'
import { isTopicError } from './errors.js'
import { withOrigin } from './origin.js'
import { resolveOptions, type KafkaPublisherOptions, type ResolvedOptions } from './options.js'
import { aloneBytes, placeEvents, planEvents, rejectInTurn, type PlannedEvent } from './plan.js'
import { createRouter, defaultTopic, type Router } from './routing.js'
import { retryError, retryOutcome, TopicRun } from './topic-run.js'
import { Topics } from './topics.js'

/** What a driver may take beyond its own deadline before its answer no longer counts. */
const graceMs = 1_000

const missingTopic =
  'the topic does not exist. Create it, or let the relay do that: createTopics: { partitions, replicationFactor }'

/**
 * Publishes outbox events to Kafka through a driver: in order per key, acknowledged by all in-sync replicas, on
 * the partitions where the Java client would put them. docs/kafka.md says what is promised.
 *
 * Throws `OUTBOX_OPTION_INVALID`.
 */
export function kafkaPublisher(options: KafkaPublisherOptions): Publisher {
  const resolved = resolveOptions(options)
  return withOrigin(new KafkaPublisher(resolved), {
    driver: resolved.driver,
    topicTemplate: resolved.topic ?? defaultTopic,
    maxRequestBytes: resolved.maxRequestBytes,
    createTopics: resolved.createTopics,
  })
}

class KafkaPublisher implements Publisher {
  readonly name: string
  readonly system = 'kafka'
  readonly #options: ResolvedOptions
  readonly #router: Router
  readonly #topics: Topics
  /** The end of the last call that publishes to a topic: calls for one topic go one after the other. */
  readonly #tails = new Map<string, Promise<void>>()
  /** Events without a key take turns on the partitions, call by call. */
  #sticky = Math.floor(Math.random() * 1024)
  #closed = false

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.#router = createRouter(options)
    this.#topics = new Topics(options.driver, {
      createTopics: options.createTopics,
      timeoutMs: options.publishTimeoutMs,
      onWarning: options.onWarning,
    })
    this.name = `kafka (${options.driver.name}, ${options.envelope.name})`
  }

  topicOf(event: StoredEvent): string | null {
    try {
      return this.#router.topicOf(event)
    } catch {
      return null
    }
  }

  async open(): Promise<void> {
    const { driver, publishTimeoutMs } = this.#options
    const forever = new AbortController().signal
    const connected = await bounded(publishTimeoutMs, forever, (signal) =>
      untraced(() => driver.connect(signal)),
    )
    if (connected.status === 'failed') throw connected.error
    if (connected.status !== 'done')
      throw new OutboxError('OUTBOX_PUBLISH_RETRY', `Kafka did not answer within ${publishTimeoutMs} ms.`)
    for (const topic of this.#router.knownTopics) {
      const found = await this.#topics.lookup(topic, forever)
      if (found.status === 'missing')
        throw new OutboxError(
          'OUTBOX_OPTION_INVALID',
          `The topic '${topic}' does not exist. Create it, or set createTopics: { partitions, replicationFactor }.`,
          { details: { topic } },
        )
      if (found.status === 'failed') throw retryError(topic, null, found)
    }
  }

  async publish(
    events: readonly StoredEvent[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly Outcome[]> {
    const plan = planEvents(events, this.#router, this.#options.envelope)
    const outcomes = new Map(plan.outcomes)
    // Topics side by side: one that is slow or dead holds up no other.
    const fanned = fanOut(signal)
    // An instrumented client would write a trace context of its own over that of each event's emitter.
    const runs = untraced(() =>
      [...plan.byTopic].map(async ([topic, planned]) => {
        const results = await this.#inTurn(topic, () => this.#publishTopic(topic, planned, fanned.signal))
        for (const [index, outcome] of results) outcomes.set(index, outcome)
      }),
    )
    await Promise.all(runs)
    fanned.release()
    const results = events.map(
      (event, index) =>
        outcomes.get(index) ?? retryAll(this.topicOf(event), 'NO_OUTCOME', 'nothing was sent'),
    )
    return rejectInTurn(events, results)
  }

  async close(): Promise<void> {
    this.#closed = true
    await bounded(10_000, new AbortController().signal, () => this.#options.driver.close())
  }

  /** Runs `work` when every earlier call for the topic has ended. */
  async #inTurn<T>(topic: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(topic)
    const turn = before === undefined ? work() : before.then(work)
    const tail = turn.then(
      () => {},
      () => {},
    )
    this.#tails.set(topic, tail)
    try {
      return await turn
    } finally {
      if (this.#tails.get(topic) === tail) this.#tails.delete(topic)
    }
  }

  async #publishTopic(
    topic: string,
    planned: readonly PlannedEvent[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Outcome>> {
    const all = (code: string, message: string): ReadonlyMap<number, Outcome> =>
      new Map(planned.map((item) => [item.index, retryAll(topic, code, message)]))
    try {
      if (this.#closed) return all('CLOSED', 'the publisher is closed')
      const found = await this.#describe(topic, planned, signal)
      if (found.status === 'missing') return all('UNKNOWN_TOPIC_OR_PARTITION', missingTopic)
      if (found.status === 'failed') return all(found.code, found.message)
      const placed = placeEvents(planned, found.topic.partitions, this.#sticky++)
      const run = new TopicRun(placed, {
        topic,
        maxMessageBytes: found.topic.maxMessageBytes,
        maxBatchBytes: this.#options.maxRequestBytes,
      })
      await this.#drive(run, topic, signal)
      return run.outcomes
    } catch (error) {
      // A bug of ours must neither count as published nor end the relay.
      return all('ERROR', error instanceof Error ? error.message : String(error))
    }
  }

  /** Before an event is refused for its size the limit is read again: somebody may have raised it. */
  async #describe(
    topic: string,
    planned: readonly PlannedEvent[],
    signal: AbortSignal,
  ): ReturnType<Topics['lookup']> {
    const found = await this.#topics.lookup(topic, signal)
    if (found.status !== 'found') return found
    const limit = found.topic.maxMessageBytes ?? Infinity
    if (planned.every((item) => aloneBytes(item) <= limit)) return found
    this.#topics.doubt(topic)
    return this.#topics.lookup(topic, signal)
  }

  async #drive(run: TopicRun, topic: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted)
        return run.stop(retryError(topic, null, { code: 'ABORTED', message: 'the call was aborted' }))
      const batches = run.next()
      if (batches.length === 0) return
      const outcomes = await this.#send(batches, signal)
      run.apply(outcomes)
      if (outcomes.some(({ status }) => status !== 'written')) this.#topics.doubt(topic)
      // The partition is not touched again in this call, so nothing overtakes what may be in flight.
      if (outcomes.some(({ status }) => status === 'unknown')) await this.#reset()
    }
  }

  async #send(batches: readonly PartitionBatch[], signal: AbortSignal): Promise<readonly BatchOutcome[]> {
    const { driver, publishTimeoutMs } = this.#options
    const sent = await bounded(publishTimeoutMs + graceMs, new AbortController().signal, () =>
      driver.send(batches, { signal, deadlineMs: publishTimeoutMs }),
    )
    if (sent.status === 'done' && sent.value.length === batches.length) return sent.value
    const message = sent.status === 'failed' ? String(sent.error) : 'the driver kept no outcome per partition'
    return batches.map(() => ({ status: 'unknown', code: 'DRIVER', message }))
  }

  async #reset(): Promise<void> {
    await bounded(this.#options.publishTimeoutMs, new AbortController().signal, () =>
      this.#options.driver.reset(),
    )
  }
}

function retryAll(topic: string | null, code: string, message: string): Outcome {
  return retryOutcome(topic, retryError(topic ?? '', null, { code, message }), !isTopicError(code))
}
