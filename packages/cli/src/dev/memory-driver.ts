import type { KafkaDriver } from '@outboxkit/kafka'

/**
 * A Kafka without a Kafka: every topic exists and takes everything. Envelopes, routing, names and sizes are the
 * publisher's own, so that what Kafka would refuse is refused here too.
 */
export function memoryDriver(): KafkaDriver {
  return {
    name: 'memory',
    connect: () => Promise.resolve(),
    describeTopic: () =>
      Promise.resolve({
        status: 'found',
        topic: { partitions: 1, maxMessageBytes: null, replicationFactor: null, minInsyncReplicas: null },
      }),
    createTopic: () => Promise.resolve({ status: 'created' }),
    send: (batches) => Promise.resolve(batches.map(() => ({ status: 'written' }))),
    reset: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
