import { describe, expect, test } from 'vitest'
import { never, record, type DriverSuite } from './driver-harness.js'

const options = { signal: never, deadlineMs: 20_000 }

/** Clauses 6 and 7, and what a broker refuses. */
export function topicTests(suite: DriverSuite): void {
  describe('topics', () => {
    test('describes a topic', async () => {
      const topic = await suite.cluster.createTopic({
        partitions: 5,
        config: { 'max.message.bytes': '54321', 'min.insync.replicas': '1' },
      })
      const config = suite.describesConfig
        ? { maxMessageBytes: 54_321, minInsyncReplicas: 1 }
        : { maxMessageBytes: null, minInsyncReplicas: null }
      expect(await suite.driver().describeTopic(topic, never)).toEqual({
        status: 'found',
        topic: { partitions: 5, replicationFactor: 1, ...config },
      })
    })

    test('finds a topic missing and does not create it, neither by asking nor by sending', async () => {
      const driver = suite.driver()
      expect(await driver.describeTopic('not-there', never)).toEqual({ status: 'missing' })
      const [outcome] = await driver.send(
        [{ topic: 'not-there', partition: 0, records: [record('x')] }],
        options,
      )
      expect(outcome).toMatchObject({ status: 'failed', code: 'UNKNOWN_TOPIC_OR_PARTITION' })
      expect(await suite.cluster.topicExists('not-there')).toBe(false)
    })

    test('creates a topic when asked to, also twice', async () => {
      const driver = suite.driver()
      const topic = `created-${Date.now()}`
      const shape = { partitions: 3, replicationFactor: 1 }
      expect(await driver.createTopic(topic, shape, never)).toEqual({ status: 'created' })
      expect(await driver.createTopic(topic, shape, never)).toEqual({ status: 'created' })
      expect(await driver.describeTopic(topic, never)).toMatchObject({ topic: { partitions: 3 } })
      const refused = await driver.createTopic(`${topic}-2`, { partitions: 1, replicationFactor: 99 }, never)
      expect(refused).toMatchObject({ status: 'failed', code: 'INVALID_REPLICATION_FACTOR' })
    })

    test('a topic that is deleted or was never there does not stop the others', async () => {
      const [doomed, healthy] = [await suite.cluster.createTopic(), await suite.cluster.createTopic()]
      const driver = suite.driver()
      const send = (...topics: string[]): Promise<unknown> =>
        driver.send(
          topics.map((topic) => ({ topic, partition: 0, records: [record('x')] })),
          options,
        )
      expect(await send(doomed, healthy)).toEqual([{ status: 'written' }, { status: 'written' }])
      await suite.cluster.deleteTopic(doomed)
      await send(doomed)
      for (let round = 0; round < 3; round++) {
        const [dead, alive] = [send(doomed, 'never-there'), send(healthy)]
        expect(await alive).toEqual([{ status: 'written' }])
        expect(await dead).not.toContainEqual({ status: 'written' })
      }
      // A topic of the same name is another topic, and can be written to again.
      const again = await suite.cluster.createTopic()
      expect(await send(again, healthy)).toEqual([{ status: 'written' }, { status: 'written' }])
    })

    test('does not pile up connections for topics that were in trouble', async () => {
      const healthy = await suite.cluster.createTopic()
      const driver = suite.driver()
      const send = (...topics: string[]): Promise<unknown> =>
        driver.send(
          topics.map((topic) => ({ topic, partition: 0, records: [record('x')] })),
          options,
        )
      const names = Array.from({ length: 5 }, (_, i) => `trouble-${Date.now()}-${i}`)
      await send(...names)
      for (const topic of names)
        await driver.createTopic(topic, { partitions: 1, replicationFactor: 1 }, never)
      await expect
        .poll(() => send(...names), { timeout: 20_000 })
        .toEqual(names.map(() => ({ status: 'written' })))
      await driver.reset()
      await send(...names, healthy)
      // One for records and one for questions about topics, each with a little room.
      await expect
        .poll(() => suite.cluster.network.openConnections, { timeout: 5_000 })
        .toBeLessThanOrEqual(4)
    })

    test('never takes a resolved call for an answer: a partition that does not exist', async () => {
      const topic = await suite.cluster.createTopic({ partitions: 2 })
      const [absent, present] = await suite.driver().send(
        [
          { topic, partition: 7, records: [record('x')] },
          { topic, partition: 1, records: [record('y')] },
        ],
        options,
      )
      expect(['failed', 'unknown']).toContain(absent?.status)
      expect(present).toEqual({ status: 'written' })
      expect(await suite.cluster.read(topic)).toHaveLength(1)
    })

    test('passes on that records are refused for good', async () => {
      const topic = await suite.cluster.createTopic({ config: { 'cleanup.policy': 'compact' } })
      const [outcome] = await suite
        .driver()
        .send([{ topic, partition: 0, records: [record('x'), record('y', { key: null })] }], options)
      expect(outcome).toMatchObject({ status: 'rejected', code: 'INVALID_RECORD' })
      expect(await suite.cluster.read(topic)).toEqual([])
    })

    test('passes on that a timestamp is refused', async () => {
      const topic = await suite.cluster.createTopic({ config: { 'message.timestamp.before.max.ms': '1' } })
      const driver = suite.driver()
      const late = suite.cluster.network.delayRequest(300)
      const [outcome] = await driver.send([{ topic, partition: 0, records: [record('x')] }], options)
      expect(late.hits).toBe(1)
      expect(outcome).toMatchObject({ status: 'failed', code: 'INVALID_TIMESTAMP' })
    })

    test('refuses the name of a topic that Kafka refuses', async () => {
      const [outcome] = await suite
        .driver()
        .send([{ topic: 'a b', partition: 0, records: [record('x')] }], options)
      expect(['rejected', 'failed']).toContain(outcome?.status)
    })
  })
}
