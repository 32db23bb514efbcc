import type { Admin } from 'kafkajs'
import type { TopicLookup, TopicShape } from '../driver.js'
import type { Client } from './client.js'
import { disconnect } from './producers.js'

/** `ConfigResourceTypes.TOPIC` of kafkajs, which is loaded late. */
const topicResource = 2

/** Questions about topics, on connections of their own. */
export class TopicAdmin {
  readonly #open: () => Client
  readonly #closing = new Set<Promise<void>>()
  readonly #leaders = new Map<string, ReadonlyMap<number, number>>()
  #current: { client: Client; admin: Admin; ready: Promise<void> } | undefined

  constructor(open: () => Client) {
    this.#open = open
  }

  /** Throws what kafkajs throws, also for a topic that does not exist. */
  async describe(topic: string): Promise<TopicLookup> {
    const admin = await this.#connected()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? []
    if (partitions.length === 0) return { status: 'missing' }
    this.#leaders.set(topic, new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader])))
    const config = await this.#configOf(admin, topic)
    return {
      status: 'found',
      topic: {
        partitions: partitions.length,
        maxMessageBytes: config.get('max.message.bytes') ?? null,
        replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        minInsyncReplicas: config.get('min.insync.replicas') ?? null,
      },
    }
  }

  /** The brokers that led the topic's partitions when it was last described; empty when it was not. */
  leadersOf(topic: string): ReadonlyMap<number, number> {
    return this.#leaders.get(topic) ?? new Map()
  }

  /** What is known about its leaders may be wrong. */
  forget(topic: string): void {
    this.#leaders.delete(topic)
  }

  /** A topic that exists already is fine. */
  async create(topic: string, { partitions, replicationFactor }: TopicShape): Promise<void> {
    const admin = await this.#connected()
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor }],
      waitForLeaders: true,
    })
  }

  /** The next question opens new connections. */
  drop(): void {
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    const goodbye = disconnect(current.client, () => current.admin.disconnect())
    this.#closing.add(goodbye)
    void goodbye.finally(() => this.#closing.delete(goodbye))
  }

  async ended(): Promise<void> {
    await Promise.all(this.#closing)
  }

  async #connected(): Promise<Admin> {
    if (this.#current === undefined) {
      const client = this.#open()
      const admin = client.kafka.admin()
      const ready = admin.connect()
      ready.catch(() => {})
      this.#current = { client, admin, ready }
    }
    const { admin, ready } = this.#current
    await ready
    return admin
  }

  /** Empty when the right to describe configurations is missing. */
  async #configOf(admin: Admin, topic: string): Promise<ReadonlyMap<string, number>> {
    try {
      const names = ['max.message.bytes', 'min.insync.replicas']
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: topicResource, name: topic, configNames: names }],
      })
      const entries = resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? []
      return new Map(
        entries.flatMap(({ configName, configValue }): [string, number][] =>
          /^\d+$/.test(configValue ?? '') ? [[configName, Number(configValue)]] : [],
        ),
      )
    } catch {
      return new Map()
    }
  }
}
