import { setTimeout as sleep } from 'node:timers/promises'
import type { BaseOptions, Broker, Connection, MessageRecord } from '@platformatic/kafka'
import type { Answer } from '../answers.js'
import type { TopicDescription, TopicShape } from '../driver.js'
import type { Module } from './load.js'

type Api = 'Produce' | 'Metadata' | 'DescribeConfigs' | 'CreateTopics'

/** Older versions of these requests cannot say what we need: record batches, and that no topic is to be created. */
const oldestVersion: Readonly<Record<Api, number>> = {
  Produce: 3,
  Metadata: 4,
  DescribeConfigs: 0,
  CreateTopics: 0,
}

interface Place {
  /** By partition; -1: it has none at the moment. */
  readonly leaders: ReadonlyMap<number, number>
  readonly replicas: number
}

/**
 * One set of connections to a cluster, and what it knows about it.
 *
 * It sends requests itself, instead of leaving that to the package's `Producer`: that one takes a partition that
 * does not exist modulo the number of partitions, sends again on its own, and fails for all topics when the
 * metadata of one fails.
 */
export class Cluster {
  readonly #module: Module
  readonly #base: InstanceType<Module['Base']>
  readonly #bootstrap: readonly Broker[]
  readonly #topics = new Map<string, Promise<Place>>()
  #brokers: ReadonlyMap<number, Broker> = new Map()
  #controller = -1
  #versions: ReturnType<InstanceType<Module['Base']>['listApis']> | undefined

  constructor(module: Module, options: BaseOptions) {
    this.#module = module
    this.#base = new module.Base(options)
    this.#bootstrap = options.bootstrapBrokers.map((broker) => module.parseBroker(broker))
    // A connection may report more errors than anybody waits for.
    this.#base.connections.on('connecting', ({ connection }) => void connection.on('error', () => {}))
  }

  async connect(): Promise<void> {
    await this.#apis()
  }

  /** The broker that leads a partition. `undefined`: there is no such partition. */
  async leaderOf(topic: string, partition: number): Promise<number | undefined> {
    const known = await this.#placeOf(topic)
    if (known.leaders.has(partition)) return known.leaders.get(partition)
    // Partitions may have been added.
    this.forget(topic)
    return (await this.#placeOf(topic)).leaders.get(partition)
  }

  /** The next question about the topic's leaders goes to the cluster. */
  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Asks for acknowledgement by all in-sync replicas. `timeoutMs`: the broker's patience. */
  async produce(broker: number, messages: MessageRecord[], timeoutMs: number): Promise<readonly Answer[]> {
    const [api, connection] = await Promise.all([
      this.#api('Produce') as Promise<Module['produceV11']['api']>,
      this.#connection(broker),
    ])
    try {
      return answersIn(await api.async(connection, -1, timeoutMs, messages))
    } catch (error) {
      // With an error for one partition the answers for all of them are here.
      const { response } = error as { response?: unknown }
      if (isResponse(response)) return answersIn(response)
      throw error
    }
  }

  async describe(topic: string): Promise<TopicDescription> {
    this.forget(topic)
    const { leaders, replicas } = await this.#placeOf(topic)
    const config = await this.#configOf(topic)
    return {
      partitions: leaders.size,
      maxMessageBytes: config.get('max.message.bytes') ?? null,
      replicationFactor: replicas,
      minInsyncReplicas: config.get('min.insync.replicas') ?? null,
    }
  }

  /** Resolves when every partition has a leader. Throws also for a topic that exists. */
  async create(
    topic: string,
    { partitions, replicationFactor }: TopicShape,
    timeoutMs: number,
  ): Promise<void> {
    await this.#metadata([])
    const api = (await this.#api('CreateTopics')) as Module['createTopicsV7']['api']
    const wanted = {
      name: topic,
      numPartitions: partitions,
      replicationFactor,
      assignments: [],
      configs: [],
    }
    await api.async(await this.#connection(this.#controller), [wanted], timeoutMs, false)
  }

  async untilLed(topic: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.forget(topic)
      const place = await this.#placeOf(topic).catch(() => undefined)
      if (place !== undefined && [...place.leaders.values()].every((leader) => leader >= 0)) return
      await sleep(50)
    }
  }

  /** Cuts all connections. What is outstanding fails at once. */
  destroy(): void {
    const { connections } = this.#base
    const open = [...connections].map(([, connection]) => connection)
    void this.#base.close().catch(() => {})
    for (const { socket } of open) socket?.destroy(new Error('the client has been dropped'))
  }

  #placeOf(topic: string): Promise<Place> {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const asked = this.#lookup(topic)
    this.#topics.set(topic, asked)
    asked.catch(() => {
      if (this.#topics.get(topic) === asked) this.#topics.delete(topic)
    })
    return asked
  }

  async #lookup(topic: string): Promise<Place> {
    const { topics } = await this.#metadata([topic])
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? []
    return {
      leaders: new Map(partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId])),
      replicas: Math.min(...partitions.map(({ replicaNodes }) => replicaNodes.length)),
    }
  }

  async #metadata(topics: string[]): ReturnType<Module['metadataV12']['api']['async']> {
    const api = (await this.#api('Metadata')) as Module['metadataV12']['api']
    const answer = await api.async(await this.#anyConnection(), topics, false, false)
    this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.#controller = answer.controllerId
    return answer
  }

  /** Empty when the right to describe configurations is missing. */
  async #configOf(topic: string): Promise<ReadonlyMap<string, number>> {
    try {
      const api = (await this.#api('DescribeConfigs')) as Module['describeConfigsV4']['api']
      const wanted = {
        resourceType: this.#module.ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configurationKeys: ['max.message.bytes', 'min.insync.replicas'],
      }
      const { results } = await api.async(await this.#anyConnection(), [wanted], false, false)
      const configs = results.find(({ resourceName }) => resourceName === topic)?.configs ?? []
      return new Map(
        configs.flatMap(({ name, value }): [string, number][] =>
          /^\d+$/.test(value ?? '') ? [[name, Number(value)]] : [],
        ),
      )
    } catch {
      return new Map()
    }
  }

  #apis(): ReturnType<InstanceType<Module['Base']>['listApis']> {
    if (this.#versions !== undefined) return this.#versions
    const asked = this.#base.listApis()
    this.#versions = asked
    asked.catch(() => {
      if (this.#versions === asked) this.#versions = undefined
    })
    return asked
  }

  /** The newest version of a request that both sides know. */
  async #api(name: Api): Promise<unknown> {
    const range = (await this.#apis()).find((api) => api.name === name)
    const known = this.#module as unknown as Readonly<Record<string, { api?: unknown } | undefined>>
    const prefix = name.charAt(0).toLowerCase() + name.slice(1)
    const oldest = Math.max(range?.minVersion ?? Infinity, oldestVersion[name])
    for (let version = range?.maxVersion ?? -1; version >= oldest; version--) {
      const api = known[`${prefix}V${version}`]?.api
      if (api !== undefined) return api
    }
    throw new this.#module.UnsupportedApiError(`no version of ${name} is known to both sides`)
  }

  #anyConnection(): Promise<Connection> {
    return this.#base.connections.getFirstAvailable([...this.#bootstrap, ...this.#brokers.values()])
  }

  async #connection(id: number): Promise<Connection> {
    const broker = this.#brokers.get(id)
    if (broker === undefined) throw new this.#module.NetworkError(`broker ${id} is not known`)
    return this.#base.connections.get(broker)
  }
}

interface Response {
  readonly responses: readonly {
    readonly name: string
    readonly partitionResponses: readonly {
      readonly index: number
      readonly errorCode: number
      readonly errorMessage?: string | null | undefined
    }[]
  }[]
}

function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && Array.isArray((value as Response).responses)
}

function answersIn(response: Response | boolean): readonly Answer[] {
  if (typeof response === 'boolean') return []
  return response.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map(({ index, errorCode, errorMessage }) => ({
      topic: name,
      partition: index,
      errorCode,
      message: errorMessage,
    })),
  )
}
