import { setTimeout as sleep } from 'node:timers/promises'
import {
  createTopic as create,
  withAdmin,
  type TopicOptions,
} from '../../../../test-matrix/services/test-context.js'

/** Creates a topic and waits until every partition can be written to; returns its name. */
export async function createTopic(
  brokers: string,
  name: string,
  options: TopicOptions = {},
): Promise<string> {
  await create(brokers, name, options)
  await untilReady(brokers, name, options.partitions ?? 1)
  return name
}

/** `total`: the new number of partitions. */
export async function addPartitions(brokers: string, topic: string, total: number): Promise<void> {
  await withAdmin(brokers, (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: total }] }))
  await untilReady(brokers, topic, total)
}

/** A broker names itself as the leader a moment before it is one, and refuses records until then. */
async function untilReady(brokers: string, topic: string, partitions: number): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    for (const deadline = performance.now() + 30_000; ;) {
      const ready = await admin.fetchTopicOffsets(topic).then(
        (offsets) => offsets.length === partitions,
        () => false,
      )
      if (ready) return
      if (performance.now() > deadline) throw new Error(`the topic ${topic} cannot be written to`)
      await sleep(20)
    }
  })
}
