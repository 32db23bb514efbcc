import { setTimeout as sleep } from 'node:timers/promises'
import type { PublisherStage } from '@outboxkit/testing/conformance'
import { javaPartition } from '../../../../test-matrix/checker/expected.js'
import { readTopic, uniqueTopic, withAdmin } from '../../../../test-matrix/services/test-context.js'
import { kafkaPublisher, type KafkaDriver } from '../../src/index.js'
import { openCluster } from './cluster.js'
import { addPartitions, createTopic } from './topics.js'

/** The publisher suite's stage on a Kafka of its own; only the publishers go through the proxy. */
export async function openStage(createDriver: (brokers: string[]) => KafkaDriver): Promise<PublisherStage> {
  const cluster = await openCluster()
  const { direct, bootstrap, network } = cluster
  const create = (topic: string, partitions = 1, maxMessageBytes?: number): Promise<string> =>
    createTopic(direct, topic, {
      partitions,
      ...(maxMessageBytes === undefined ? {} : { config: { 'max.message.bytes': String(maxMessageBytes) } }),
    })
  return {
    network,
    createPublisher: () =>
      kafkaPublisher({
        driver: createDriver([...bootstrap]),
        onWarning: () => {},
        publishTimeoutMs: 10_000,
      }),
    createTopic: ({ partitions, maxMessageBytes } = {}) =>
      create(uniqueTopic('publisher'), partitions, maxMessageBytes),
    setMaxMessageBytes: (topic, bytes) => setConfig(direct, topic, 'max.message.bytes', String(bytes)),
    addPartitions: (topic, total) => addPartitions(direct, topic, total),
    javaPartition,
    missingTopic() {
      const topic = uniqueTopic('missing')
      return { topic, create: async () => void (await create(topic)) }
    },
    read: (topic) => readTopic(direct, topic),
    close: () => cluster.close(),
  }
}

/** Resolves when the broker itself goes by it, which is a little after it has been accepted. */
async function setConfig(brokers: string, topic: string, name: string, value: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const resource = { type: 2, name: topic }
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name, value }] }],
    })
    for (let left = 200; left > 0; left--) {
      const asked = { includeSynonyms: false, resources: [{ ...resource, configNames: [name] }] }
      const { resources } = await admin.describeConfigs(asked)
      if (resources[0]?.configEntries[0]?.configValue === value) return sleep(100)
      await sleep(20)
    }
    throw new Error(`${topic}: ${name} did not become ${value}`)
  })
}
