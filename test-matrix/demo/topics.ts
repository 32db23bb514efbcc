import { parseMessage } from '@outboxkit/core'
import { Kafka, logLevel } from 'kafkajs'
import { dumpTopics, type Dump } from '../checker/index.js'
import { memoryPartitions } from './memory-topic-info.js'
import type { MemoryMessage } from './memory-topic.js'

export const partitions = 3

/** Told of every message as an ordinary consumer gets it. `at`: milliseconds since the epoch. */
export type OnArrival = (eventId: string, at: number) => void

/** The topic as the demo looks at it: once while it fills, and once when all is over. */
export interface Topic {
  readonly name: string
  /** Resolves when the consumer is up; call the result to end it. */
  watch(onArrival: OnArrival): Promise<() => Promise<void>>
  dump(): Promise<Dump>
}

function clientOf(brokers: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'demo-consumer',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
  })
}

export function kafkaTopic(brokers: readonly string[], name: string): Topic {
  const kafka = clientOf(brokers)
  return {
    name,
    async watch(onArrival) {
      const consumer = kafka.consumer({ groupId: `demo-${process.pid}`, maxWaitTimeInMs: 50 })
      await consumer.connect()
      await consumer.subscribe({ topics: [name], fromBeginning: true })
      const joined = new Promise<void>(
        (resolve) => void consumer.on(consumer.events.GROUP_JOIN, () => resolve()),
      )
      await consumer.run({
        eachMessage: ({ message }) => {
          onArrival(String(message.headers?.['ce_id'] ?? ''), Date.now())
          return Promise.resolve()
        },
      })
      await joined
      return () => consumer.disconnect()
    },
    dump: () => dumpTopics(brokers, [name]),
  }
}

/** Prints new messages for people until the result is called. */
export async function printTopic(brokers: readonly string[], topic: string): Promise<() => Promise<void>> {
  const consumer = clientOf(brokers).consumer({ groupId: `demo-watch-${process.pid}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({
    eachMessage: ({ message }) => {
      const { type, aggregateId, payload, time } = parseMessage(message)
      console.log(time, type, aggregateId, JSON.stringify(payload))
      return Promise.resolve()
    },
  })
  return () => consumer.disconnect()
}

export function memoryTopic(url: string, name: string): Topic {
  const read = async (from: number): Promise<MemoryMessage[]> =>
    (await (await fetch(`${url}/${from}`)).json()) as MemoryMessage[]
  return {
    name,
    async watch(onArrival) {
      let seen = 0
      const look = async (): Promise<void> => {
        const messages = await read(seen)
        seen += messages.length
        for (const { headers, arrivedAt } of messages)
          onArrival(headers.find(([name]) => name === 'ce_id')?.[1] ?? '', arrivedAt)
      }
      await look()
      const timer = setInterval(() => void look().catch(() => {}), 20)
      return async () => {
        clearInterval(timer)
        await look()
      }
    },
    async dump() {
      const messages = (await read(0)).map((message) => ({
        ...message,
        key: message.key === null ? null : Buffer.from(message.key),
        value: message.value === null ? null : Buffer.from(message.value),
        headers: message.headers.map(
          ([name, value]) => [name, value === null ? null : Buffer.from(value)] as const,
        ),
      }))
      return { messages, partitions: { [name]: memoryPartitions } }
    },
  }
}
