import type { DriverName } from './options.js'

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

export async function openProducer(driver: DriverName, brokers: readonly string[]): Promise<DirectProducer> {
  if (driver === 'kafkajs') return openKafkajs(brokers)
  throw new Error(`no client ${driver} yet`)
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
