import { spawnSync } from 'node:child_process'
import { startKafka } from '../services/kafka.js'
import { services } from '../services/service.js'
import { createTopic } from '../services/test-context.js'
import type { DatabaseName } from './databases.js'
import { startProgram } from './processes.js'
import { kafkaTopic, memoryTopic, partitions, type Topic } from './topics.js'

/** The servers of a run. */
export interface Stage {
  readonly databaseUrl: string
  /** How the database's own client reaches it. */
  readonly databaseClient: string
  /** What the relay is told: brokers, or `memory:URL`. */
  readonly topicAddress: string
  readonly topic: Topic
  /** For people and `--json`: java, docker, memory or HOST:PORT. */
  readonly kafka: string
  /** For people, e.g. `PostgreSQL 18.4, Kafka 4.3.1 (java)`. */
  readonly description: string
  end(): Promise<void>
}

interface StartedTopic extends Pick<Stage, 'topicAddress' | 'topic' | 'kafka'> {
  readonly name: string
  end(): Promise<void>
}

/** The publisher's own default for the aggregate type `account`. On a broker that is not ours the run's name follows. */
const defaultTopic = 'outbox.event.account'

const has = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore', timeout: 5000 }).status === 0

/** Which Kafka to take when nobody said: a running one, else Docker, else Java, else none. */
export function chooseKafka(wanted: string | undefined): string {
  if (wanted !== undefined) return wanted
  const running = process.env['KAFKA_BROKERS']
  if (running !== undefined && running !== '') return running
  if (has('docker', 'info')) return 'docker'
  return has('java', '-version') && has('mvn', '--version') ? 'java' : 'memory'
}

/** Always servers of its own, never one that others use. */
export async function setStage(databaseName: DatabaseName, kafka: string): Promise<Stage> {
  // Where the broker runs decides where the database runs.
  if (kafka === 'java') process.env['OUTBOXKIT_SERVICES'] = 'local'
  if (kafka === 'docker') {
    if (!has('docker', 'info')) throw new Error('--kafka docker: no Docker engine answers.')
    process.env['OUTBOXKIT_SERVICES'] = 'docker'
  }
  const service = services[databaseName]
  const [database, topic] = await Promise.allSettled([service.start(), startTopic(kafka)])
  if (database.status === 'rejected' || topic.status === 'rejected') {
    if (database.status === 'fulfilled') await database.value.stop()
    if (topic.status === 'fulfilled') await topic.value.end()
    throw (
      database.status === 'rejected' ? database.reason : (topic as PromiseRejectedResult).reason
    ) as Error
  }
  return {
    ...topic.value,
    databaseUrl: database.value.address,
    databaseClient: database.value.hint,
    description: `${service.title} ${database.value.version}, ${topic.value.name}`,
    end: async () => {
      await Promise.all([topic.value.end(), database.value.stop()])
    },
  }
}

async function startTopic(kafka: string): Promise<StartedTopic> {
  if (kafka === 'memory') return startMemoryTopic()
  if (kafka !== 'java' && kafka !== 'docker') {
    const brokers = kafka.split(',')
    const name = `${defaultTopic}.${Date.now().toString(36)}`
    await createTopic(kafka, name, { partitions })
    return {
      name: `Kafka at ${kafka}`,
      kafka,
      topicAddress: kafka,
      topic: kafkaTopic(brokers, name),
      end: () => Promise.resolve(),
    }
  }
  const server = await startKafka({ brokers: 1 })
  await createTopic(server.bootstrap, defaultTopic, { partitions })
  return {
    name: `Kafka ${server.version} (${kafka})`,
    kafka,
    topicAddress: server.bootstrap,
    topic: kafkaTopic(server.brokers, defaultTopic),
    end: () => server.stop(),
  }
}

async function startMemoryTopic(): Promise<StartedTopic> {
  const program = startProgram('test-matrix/demo/memory-topic.ts', {})
  const line = await program.waitFor('topic at ')
  const url = line.slice(line.indexOf('http')).trim()
  return {
    name: 'a topic in memory instead of Kafka',
    kafka: 'memory',
    topicAddress: `memory:${url}`,
    topic: memoryTopic(url, defaultTopic),
    end: () => program.stop(),
  }
}
