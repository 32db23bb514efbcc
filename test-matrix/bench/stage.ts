import { randomBytes } from 'node:crypto'
import { services } from '../services/service.js'
import { startKafka } from '../services/kafka.js'
import { createTopic, withAdmin } from '../services/test-context.js'
import type { BenchDatabase } from './database.js'
import { startDatabase } from './databases.js'
import type { BenchOptions, DatabaseName, DriverName } from './options.js'
import { partitions } from './partitions.js'
import { RelayProcess } from './relay.js'
import { runtimeFor } from './runtime.js'

/** A Kafka for the bench, real and single: what is compared runs against the same one. */
interface Broker {
  readonly version: string
  readonly brokers: readonly string[]
  end(): Promise<void>
}

/** The servers, started when a bench first asks for them, and what all benches do with them. */
export class Stage {
  readonly options: BenchOptions
  readonly #databases = new Map<DatabaseName, Promise<BenchDatabase>>()
  readonly #relays = new Set<RelayProcess>()
  #kafka: Promise<Broker> | undefined

  constructor(options: BenchOptions) {
    this.options = options
  }

  /** A tenth of `full` with --quick. */
  size(full: number): number {
    return this.options.quick ? Math.max(1, Math.round(full / 10)) : full
  }

  database(name: DatabaseName): Promise<BenchDatabase> {
    const known = this.#databases.get(name) ?? startDatabase(name)
    this.#databases.set(name, known)
    return known
  }

  async brokers(): Promise<readonly string[]> {
    return (await (this.#kafka ??= startBroker())).brokers
  }

  /** Runs `work` with a topic of its own, which is deleted afterwards. */
  async withTopic<T>(
    config: Readonly<Record<string, string>>,
    work: (topic: string) => Promise<T>,
  ): Promise<T> {
    const bootstrap = (await this.brokers()).join(',')
    const topic = `bench.${randomBytes(4).toString('hex')}`
    await createTopic(bootstrap, topic, { partitions, config })
    try {
      return await work(topic)
    } finally {
      await withAdmin(bootstrap, (admin) => admin.deleteTopics({ topics: [topic] }))
    }
  }

  /** Messages in the topic. */
  async messages(topic: string): Promise<number> {
    const offsets = await withAdmin((await this.brokers()).join(','), (admin) =>
      admin.fetchTopicOffsets(topic),
    )
    return offsets.reduce((sum, { high }) => sum + Number(high), 0)
  }

  /** Runs `work` with a relay on `database` that owns the lease; `until`: see {@link RelayProcess.drained}. */
  async withRelay<T>(
    target: {
      readonly database: BenchDatabase
      readonly driver: DriverName
      readonly topic: string
      readonly until?: number
      readonly sleepAfterMs?: number
      /** Of Node.js. */
      readonly flags?: readonly string[]
    },
    work: (relay: RelayProcess) => Promise<T>,
  ): Promise<T> {
    const { database, flags = [], ...rest } = target
    const brokers = await this.brokers()
    const config = { ...rest, database: database.name, url: database.url, brokers }
    const runtime = { ...(await runtimeFor(rest.driver)), flags }
    const relay = await RelayProcess.start(config, runtime, this.options.profile)
    this.#relays.add(relay)
    try {
      const result = await work(relay)
      await relay.stop()
      return result
    } finally {
      await relay.child.end()
      this.#relays.delete(relay)
    }
  }

  /** For people: the versions of what was started. */
  async describe(): Promise<string> {
    const databases = await Promise.all(this.#databases.values())
    const kafka = await this.#kafka
    const names = databases.map(({ version }) => version)
    return [...names, ...(kafka === undefined ? [] : [kafka.version])].join(', ')
  }

  async end(): Promise<void> {
    await Promise.allSettled([...this.#relays].map((relay) => relay.child.end()))
    const ends = [...this.#databases.values(), ...(this.#kafka === undefined ? [] : [this.#kafka])]
    await Promise.allSettled(ends.map(async (starting) => (await starting).end()))
  }
}

async function startBroker(): Promise<Broker> {
  const given = process.env[services.kafka.variable]
  if (given) return { version: `Kafka at ${given}`, brokers: given.split(','), end: async () => undefined }
  const server = await startKafka({ heap: '1g' })
  return { version: `Kafka ${server.version}`, brokers: server.brokers, end: () => server.stop() }
}
