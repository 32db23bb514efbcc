import { setTimeout as sleep } from 'node:timers/promises'
import type { TopicDescription, TopicShape } from '../driver.js'
import type { NativeAdmin, NativeError, NativeModule, NativeTopic } from './native.js'
import type { BatchProducer } from './producer.js'

/** One question may hold a thread for as long, in milliseconds. */
const questionMs = 5_000

/** Kafka's codes. */
const alreadyExists = 36

/** Throws what the broker answers, also for a topic that does not exist. */
export async function describeTopic(
  module: NativeModule,
  producer: BatchProducer,
  topic: string,
): Promise<TopicDescription> {
  await producer.ready
  const { partitions } = await ask(module.AdminClient.createFrom(producer.native), topic)
  return {
    partitions: partitions.length,
    // The package cannot ask for a topic's configuration.
    maxMessageBytes: null,
    replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    minInsyncReplicas: null,
  }
}

/** Resolves when every partition has a leader. A topic that exists already is fine. */
export async function createTopic(
  module: NativeModule,
  producer: BatchProducer,
  topic: string,
  { partitions, replicationFactor }: TopicShape,
  signal: AbortSignal,
): Promise<void> {
  await producer.ready
  const admin = module.AdminClient.createFrom(producer.native)
  const wanted = { topic, num_partitions: partitions, replication_factor: replicationFactor }
  await new Promise<void>((resolve, reject) => {
    admin.createTopic(wanted, questionMs, (error?: NativeError) => {
      if (error && error.code !== alreadyExists) reject(error)
      else resolve()
    })
  })
  while (!signal.aborted) {
    const found = await ask(admin, topic).catch(() => undefined)
    if (found?.partitions.every(({ leader }) => (leader?.id ?? -1) >= 0)) return
    await sleep(50)
  }
}

function ask(admin: NativeAdmin, topic: string): Promise<NativeTopic> {
  return new Promise((resolve, reject) => {
    admin.describeTopics([topic], { timeout: questionMs }, (error, topics) => {
      const found = topics?.find(({ name }) => name === topic)
      if (error) reject(error)
      else if (found === undefined) reject(new Error('the broker did not answer for the topic'))
      else if (found.error && found.error.code !== 0) reject(found.error)
      else resolve(found)
    })
  })
}
