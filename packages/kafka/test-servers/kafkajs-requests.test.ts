import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { KafkaDriver, PartitionBatch } from '../src/index.js'
import { kafkajs } from '../src/kafkajs/index.js'
import { openCluster, type ClusterBehindProxy } from './support/cluster.js'

const never = new AbortController().signal
const options = { signal: never, deadlineMs: 10_000 }

let cluster: ClusterBehindProxy
let driver: KafkaDriver
beforeAll(async () => {
  cluster = await openCluster()
})
afterEach(async () => {
  await cluster.network.heal()
  await driver.close()
})
afterAll(() => cluster.close())

/** A topic that the driver has been asked about, as the publisher does before it sends: it knows the leaders. */
async function describedTopic(partitions: number, config: Record<string, string> = {}): Promise<string> {
  const topic = await cluster.createTopic({ partitions, config })
  driver = kafkajs({ brokers: [...cluster.bootstrap] })
  expect((await driver.describeTopic(topic, never)).status).toBe('found')
  return topic
}

const batch = (
  topic: string,
  partition: number,
  value: string,
  key: string | null = 'k',
): PartitionBatch => ({
  topic,
  partition,
  records: [{ key, value, headers: [] }],
})

/** The requests of one call, as lists of partitions. */
async function sendSeen(batches: readonly PartitionBatch[]) {
  const before = cluster.network.produced.length
  const outcomes = await driver.send(batches, options)
  const requests = cluster.network.produced.slice(before)
  return { outcomes, requests: requests.map(({ places }) => places.map(({ partition }) => partition)) }
}

describe('requests of the kafkajs driver for partitions with one leader', () => {
  it('are one, with an answer for each', async () => {
    const topic = await describedTopic(50)
    const partitions = Array.from({ length: 50 }, (_, partition) => partition)
    const { outcomes, requests } = await sendSeen(partitions.map((p) => batch(topic, p, `v${p}`)))
    expect(outcomes).toEqual(partitions.map(() => ({ status: 'written' })))
    expect(requests.map((list) => list.toSorted((a, b) => a - b))).toEqual([partitions])
    const found = await cluster.read(topic)
    expect(found.map(({ partition, value }) => [partition, String(value)])).toEqual(
      partitions.map((p) => [p, `v${p}`]),
    )
  })

  it('keep what is too large, or refused, from failing the others', async () => {
    const topic = await describedTopic(4, { 'max.message.bytes': '10000', 'cleanup.policy': 'compact' })
    const { outcomes, requests } = await sendSeen([
      batch(topic, 0, 'good'),
      batch(topic, 1, 'x'.repeat(20_000)),
      batch(topic, 2, 'no key', null),
      batch(topic, 3, 'good'),
    ])
    expect(outcomes).toMatchObject([
      { status: 'written' },
      { status: 'too-large' },
      { status: 'rejected', code: 'INVALID_RECORD' },
      { status: 'written' },
    ])
    expect(requests).toHaveLength(1)
    expect((await cluster.read(topic)).map(({ partition }) => partition)).toEqual([0, 3])
    // After a failure nobody trusts what is known about the leaders: each goes alone until the topic is described.
    expect((await sendSeen([batch(topic, 0, 'a'), batch(topic, 3, 'b')])).requests).toHaveLength(2)
    await driver.describeTopic(topic, never)
    expect((await sendSeen([batch(topic, 0, 'a'), batch(topic, 3, 'b')])).requests).toHaveLength(1)
  })

  it('are unknown together when the answer is lost, and are not repeated', async () => {
    const topic = await describedTopic(3)
    const fault = cluster.network.dropAnswer()
    const before = cluster.network.produced.length
    const outcomes = await driver.send(
      [0, 1, 2].map((p) => batch(topic, p, 'v')),
      { signal: never, deadlineMs: 1_500 },
    )
    expect(fault.hits).toBe(1)
    expect(outcomes.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(cluster.network.produced.length - before).toBe(1)
    expect(await cluster.read(topic)).toHaveLength(3)
  })

  it('leave out a partition that does not exist', async () => {
    const topic = await describedTopic(2)
    const { outcomes } = await sendSeen([batch(topic, 0, 'a'), batch(topic, 1, 'b'), batch(topic, 7, 'c')])
    expect(outcomes.slice(0, 2)).toEqual([{ status: 'written' }, { status: 'written' }])
    expect(['failed', 'unknown']).toContain(outcomes[2]?.status)
    expect(await cluster.read(topic)).toHaveLength(2)
  })

  it('are several when they are large', async () => {
    const topic = await describedTopic(4)
    const value = 'x'.repeat(900_000)
    const large = [0, 1, 2, 3].map((partition) => ({
      topic,
      partition,
      records: [{ key: 'k', value, headers: [] }],
    }))
    const { outcomes, requests } = await sendSeen(large)
    expect(outcomes).toEqual(large.map(() => ({ status: 'written' })))
    expect(requests.flat().toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    expect(requests.length).toBeGreaterThan(1)
  })
})
