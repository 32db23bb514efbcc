import type { DriverName } from './options.js'
import { openConfluent } from './producer-confluent.js'

export interface Message {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
  readonly partition: number
}

/** A Kafka client used directly, as its own documentation says: what a driver of ours is measured against. */
export interface DirectProducer {
  /** Resolves when all in-sync replicas have the messages. */
  send(topic: string, messages: readonly Message[]): Promise<void>
  close(): Promise<void>
}

export function openProducer(driver: DriverName, brokers: readonly string[]): Promise<DirectProducer> {
  if (driver === 'kafkajs') return openKafkajs(brokers)
  return driver === 'platformatic' ? openPlatformatic(brokers) : openConfluent(brokers)
}

async function openKafkajs(brokers: readonly string[]): Promise<DirectProducer> {
  const { Kafka, logLevel } = await import('kafkajs')
  const kafka = new Kafka({ clientId: 'bench-producer', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  })
  await producer.connect()
  return {
    async send(topic, messages) {
      const list = messages.map(({ key, value, headers, partition }) => ({
        key: key as Buffer | string | null,
        value: value as Buffer | string | null,
        headers: Object.fromEntries(headers) as Record<string, string>,
        partition,
      }))
      await producer.send({ topic, acks: -1, messages: list })
    },
    close: () => producer.disconnect(),
  }
}

async function openPlatformatic(brokers: readonly string[]): Promise<DirectProducer> {
  const { Producer, stringSerializers } = await import('@platformatic/kafka')
  const producer = new Producer({
    clientId: 'bench-producer',
    bootstrapBrokers: [...brokers],
    serializers: stringSerializers,
    autocreateTopics: false,
  })
  return {
    async send(topic, messages) {
      const list = messages.map(({ key, value, headers, partition }) => ({
        topic,
        partition,
        ...(key === null ? {} : { key: key as string }),
        value: value as string,
        headers: Object.fromEntries(headers) as Record<string, string>,
      }))
      await producer.send({ messages: list, acks: -1 })
    },
    close: () => producer.close(),
  }
}
