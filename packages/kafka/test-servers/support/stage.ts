import type { PublisherStage } from '@outboxkit/testing/conformance'
import {
  createTopic,
  readTopic,
  uniqueTopic,
  withAdmin,
} from '../../../../test-matrix/services/test-context.js'
import { kafkaPublisher, type KafkaDriver } from '../../src/index.js'

/** The publisher suite's stage on a running Kafka. */
export function stageOn(brokers: string, createDriver: (brokers: string[]) => KafkaDriver): PublisherStage {
  const create = (topic: string, partitions = 1, maxMessageBytes?: number): Promise<string> =>
    createTopic(brokers, topic, {
      partitions,
      ...(maxMessageBytes === undefined ? {} : { config: { 'max.message.bytes': String(maxMessageBytes) } }),
    })
  return {
    createPublisher: () =>
      kafkaPublisher({
        driver: createDriver(brokers.split(',')),
        onWarning: () => {},
        publishTimeoutMs: 10_000,
      }),
    createTopic: ({ partitions, maxMessageBytes } = {}) =>
      create(uniqueTopic('publisher'), partitions, maxMessageBytes),
    setMaxMessageBytes: (topic, bytes) => setConfig(brokers, topic, 'max.message.bytes', String(bytes)),
    missingTopic() {
      const topic = uniqueTopic('missing')
      return { topic, create: async () => void (await create(topic)) }
    },
    read: (topic) => readTopic(brokers, topic),
    close: async () => {},
  }
}

export async function setConfig(brokers: string, topic: string, name: string, value: string): Promise<void> {
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name, value }] }],
    }),
  )
}
