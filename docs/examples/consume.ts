import { parseMessage } from '@outboxkit/core'
import { Kafka } from 'kafkajs'
import { events } from './events.js'

/** Prints the orders of a topic. The ids seen are kept, because an event may arrive twice. */
export async function consume(brokers: string[], topic: string): Promise<() => Promise<void>> {
  const consumer = new Kafka({ brokers }).consumer({ groupId: 'newsletter' })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const seen = new Set<string>()
  await consumer.run({
    eachMessage: ({ message }) => {
      const event = parseMessage(message, { events })
      if (seen.has(event.id)) return Promise.resolve()
      seen.add(event.id)
      if (event.type === 'order.placed') console.log(event.aggregateId, event.payload.total)
      return Promise.resolve()
    },
  })
  return () => consumer.disconnect()
}
