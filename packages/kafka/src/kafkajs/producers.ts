import type { Kafka, Producer } from 'kafkajs'
import { bounded } from '../deadline.js'
import type { Client } from './client.js'

/** How long kafkajs may take to say goodbye, in milliseconds. */
const goodbyeMs = 1_000

/** One kafkajs producer. `inFlight` counts the sends that have no outcome yet. */
export interface ProducerHandle {
  readonly producer: Producer
  readonly ready: Promise<void>
  inFlight: number
}

interface Entry extends ProducerHandle {
  readonly client: Client
  retired: boolean
}

/**
 * The producers of a driver: one for all topics, and one more for each topic in trouble.
 *
 * kafkajs refreshes the metadata of all topics of a producer together and fails when one of them fails, so a
 * topic that is missing or has no leader would stop the others (tulios/kafkajs#1078). A topic in trouble
 * therefore leaves the shared producer until something has been written to it again.
 *
 * A retired producer gets no new sends. Its connections are cut when its last send has an outcome.
 */
export class Producers {
  readonly #open: () => Client
  readonly #isolated = new Map<string, Entry | undefined>()
  readonly #closing = new Set<Promise<void>>()
  #shared: Entry | undefined

  constructor(open: () => Client) {
    this.#open = open
  }

  /** Every `acquire` is followed by one {@link release}. */
  acquire(topic: string): ProducerHandle {
    let entry: Entry
    if (this.#isolated.has(topic)) {
      entry = this.#isolated.get(topic) ?? this.#start()
      this.#isolated.set(topic, entry)
    } else {
      entry = this.#shared ??= this.#start()
    }
    entry.inFlight += 1
    return entry
  }

  release(handle: ProducerHandle): void {
    const entry = handle as Entry
    entry.inFlight -= 1
    if (entry.retired && entry.inFlight === 0) this.#end(entry)
  }

  /** The shared producer, connected or on its way. */
  shared(): ProducerHandle {
    return (this.#shared ??= this.#start())
  }

  isolate(topic: string): void {
    if (!this.#isolated.has(topic)) this.#isolated.set(topic, undefined)
  }

  /** The topic is well again: back to the shared producer. */
  rejoin(topic: string): void {
    const entry = this.#isolated.get(topic)
    this.#isolated.delete(topic)
    if (entry !== undefined) this.retire(entry)
  }

  retire(handle: ProducerHandle): void {
    const entry = handle as Entry
    if (entry.retired) return
    entry.retired = true
    if (this.#shared === entry) this.#shared = undefined
    for (const [topic, other] of this.#isolated) if (other === entry) this.#isolated.set(topic, undefined)
    if (entry.inFlight === 0) this.#end(entry)
  }

  retireAll(): void {
    if (this.#shared !== undefined) this.retire(this.#shared)
    for (const entry of this.#isolated.values()) if (entry !== undefined) this.retire(entry)
  }

  /** Resolves when every retired producer without sends has ended: within about a second. */
  async ended(): Promise<void> {
    await Promise.all(this.#closing)
  }

  #start(): Entry {
    const client = this.#open()
    const producer = createProducer(client.kafka)
    const ready = producer.connect()
    // Whoever sends waits for it as well; without a listener Node would end the process.
    ready.catch(() => {})
    return { client, producer, ready, inFlight: 0, retired: false }
  }

  #end(entry: Entry): void {
    const goodbye = disconnect(entry.client, () => entry.producer.disconnect())
    this.#closing.add(goodbye)
    void goodbye.finally(() => this.#closing.delete(goodbye))
  }
}

/** Asks kafkajs to disconnect, for at most {@link goodbyeMs}; then the connections are cut. Never rejects. */
export async function disconnect(client: Client, ask: () => Promise<void>): Promise<void> {
  await bounded(goodbyeMs, new AbortController().signal, ask)
  client.destroy()
}

function createProducer(kafka: Kafka): Producer {
  return kafka.producer({
    // The publisher decides; kafkajs's own partitioner would also print a warning.
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
    allowAutoTopicCreation: false,
    // A repeated send is the publisher's business. Without repeats a producer id protects from nothing: it would
    // only let the broker take another batch of the same size for a duplicate and acknowledge it unwritten.
    idempotent: false,
    retry: { retries: 0 },
  })
}
