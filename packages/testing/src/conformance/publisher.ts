import type { Publisher } from '@outboxkit/relay'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  never,
  publishAll,
  rowOf,
  statuses,
  valuesOf,
  type PublisherHarness,
  type PublisherStage,
} from './publisher-harness.js'
import { partitionTests } from './publisher-partitions.js'

interface Suite {
  readonly stage: PublisherStage
  publisher(): Publisher
}

/**
 * What every publisher has to do (the contract is in `Publisher` of `@outboxkit/relay`), against a real broker.
 * Call it at the top level of a test file:
 *
 *     publisherSuite({ name: 'kafka (kafkajs)', open })
 */
export function publisherSuite(harness: PublisherHarness): void {
  describe(`publisher contract: ${harness.name}`, () => {
    let stage: PublisherStage | undefined
    let publishers: Publisher[] = []
    const suite: Suite = {
      get stage() {
        if (stage === undefined) throw new Error('the stage is not open yet')
        return stage
      },
      publisher() {
        const publisher = this.stage.createPublisher()
        publishers.push(publisher)
        return publisher
      },
    }
    beforeAll(async () => {
      stage = await harness.open()
    })
    afterEach(async () => {
      await stage?.network.heal()
      await Promise.all(publishers.map((publisher) => publisher.close()))
      publishers = []
    })
    afterAll(async () => {
      await stage?.close()
    })
    orderTests(suite)
    partitionTests(suite)
    poisonTests(suite)
    topicTests(suite)
    lifeTests(suite)
  })
}

function orderTests(suite: Suite): void {
  describe('order', () => {
    test('publishes every event once, byte by byte, in order per key', async () => {
      const topic = await suite.stage.createTopic({ partitions: 5 })
      const events = Array.from({ length: 2_000 }, (_, position) =>
        rowOf(position, {
          topic,
          aggregateId: `key-${position % 37}`,
          payload: `{ "n" :${position},"u":"é漢😀" }`,
        }),
      )
      const outcomes = await suite.publisher().publish(events, { signal: never })
      expect(new Set(statuses(outcomes))).toEqual(new Set(['published']))
      const found = await suite.stage.read(topic)
      expect(found).toHaveLength(2_000)
      for (let key = 0; key < 37; key++) {
        const of = found.filter((message) => Buffer.from(message.key ?? []).toString() === `key-${key}`)
        expect(new Set(of.map(({ partition }) => partition)).size).toBe(1)
        expect(valuesOf(of)).toEqual(events.filter((_, i) => i % 37 === key).map(({ payload }) => payload))
      }
    })

    test('keeps the order of a key through calls that overlap', async () => {
      const topic = await suite.stage.createTopic({ partitions: 3 })
      const publisher = suite.publisher()
      const calls = Array.from({ length: 30 }, (_, call) =>
        publisher.publish([rowOf(call * 2, { topic }), rowOf(call * 2 + 1, { topic })], { signal: never }),
      )
      expect(new Set(statuses((await Promise.all(calls)).flat()))).toEqual(new Set(['published']))
      expect(valuesOf(await suite.stage.read(topic))).toEqual(Array.from({ length: 60 }, (_, i) => `${i}`))
    })

    test('publishes events without a key', async () => {
      const topic = await suite.stage.createTopic({ partitions: 3 })
      const events = [0, 1, 2].map((position) => rowOf(position, { topic, aggregateId: null }))
      expect(statuses(await suite.publisher().publish(events, { signal: never }))).toEqual(
        events.map(() => 'published'),
      )
      const found = await suite.stage.read(topic)
      expect(found.map(({ key }) => key)).toEqual([null, null, null])
    })

    test('publishes a null payload and an empty call', async () => {
      const topic = await suite.stage.createTopic()
      const publisher = suite.publisher()
      expect(await publisher.publish([], { signal: never })).toEqual([])
      expect(
        statuses(await publisher.publish([rowOf(1, { topic, payload: null })], { signal: never })),
      ).toEqual(['published'])
      expect((await suite.stage.read(topic)).map(({ value }) => value)).toEqual([null])
    })
  })
}

function poisonTests(suite: Suite): void {
  describe('events that cannot be published', () => {
    test('rejects a row that cannot be decoded and holds back the rest of its key, nothing else', async () => {
      const topic = await suite.stage.createTopic({ partitions: 2 })
      const events = [
        rowOf(1, { topic, aggregateId: 'good' }),
        rowOf(2, { topic, aggregateId: 'bad', headers: '{"n":1}' }),
        rowOf(3, { topic, aggregateId: 'good' }),
        rowOf(4, { topic, aggregateId: 'bad' }),
      ]
      const outcomes = await suite.publisher().publish(events, { signal: never })
      expect(statuses(outcomes)).toEqual(['published', 'reject', 'published', 'retry'])
      expect(outcomes[1]).toMatchObject({ topic, error: { code: 'OUTBOX_ROW_UNDECODABLE' } })
      expect(valuesOf(await suite.stage.read(topic)).toSorted()).toEqual(['1', '3'])
    })

    test('rejects the one event that alone is too large, never its neighbours', async () => {
      const topic = await suite.stage.createTopic({ maxMessageBytes: 20_000 })
      const huge = JSON.stringify('x'.repeat(30_000))
      const events = Array.from({ length: 40 }, (_, position) =>
        rowOf(position, {
          topic,
          aggregateId: `k${position % 4}`,
          ...(position === 17 ? { payload: huge } : {}),
        }),
      )
      const outcomes = await suite.publisher().publish(events, { signal: never })
      expect(statuses(outcomes)).toEqual(
        events.map((_, i) => (i === 17 ? 'reject' : i > 17 && i % 4 === 1 ? 'retry' : 'published')),
      )
    })

    test('splits what is too large together, in order', async () => {
      const topic = await suite.stage.createTopic({ maxMessageBytes: 20_000 })
      const events = Array.from({ length: 100 }, (_, position) =>
        rowOf(position, { topic, payload: JSON.stringify(`${position}`.padEnd(3_000, ' ')) }),
      )
      const outcomes = await suite.publisher().publish(events, { signal: never })
      expect(new Set(statuses(outcomes))).toEqual(new Set(['published']))
      expect(valuesOf(await suite.stage.read(topic))).toEqual(events.map(({ payload }) => payload))
    })

    test('finds out that the limit was lowered after it had been read', async () => {
      const topic = await suite.stage.createTopic({ maxMessageBytes: 500_000 })
      const publisher = suite.publisher()
      await publisher.publish([rowOf(0, { topic })], { signal: never })
      await suite.stage.setMaxMessageBytes(topic, 10_000)
      const events = Array.from({ length: 30 }, (_, i) =>
        rowOf(i + 1, {
          topic,
          aggregateId: `k${i % 5}`,
          payload: JSON.stringify(`${i}`.padEnd(i === 12 ? 20_000 : 1_000, ' ')),
        }),
      )
      const settled = await publishAll(publisher, events)
      expect(
        [...settled].filter(([, { status }]) => status === 'reject').map(([position]) => position),
      ).toEqual([13])
      expect(settled.size).toBe(30)
      expect(await suite.stage.read(topic)).toHaveLength(30)
    })

    test('rejects a topic that no broker accepts', async () => {
      const publisher = suite.publisher()
      const bad = rowOf(1, { topic: 'a b' })
      const [outcome] = await publisher.publish([bad], { signal: never })
      expect(outcome).toMatchObject({ status: 'reject', error: { code: 'OUTBOX_PUBLISH_REJECTED' } })
      expect(publisher.topicOf(bad)).toBeNull()
    })
  })
}

function topicTests(suite: Suite): void {
  describe('topics', () => {
    test('retries while a topic is missing, lets others pass, and publishes in order once it is there', async () => {
      const healthy = await suite.stage.createTopic()
      const missing = suite.stage.missingTopic()
      const { topic } = missing
      const publisher = suite.publisher()
      const events = [rowOf(1, { topic }), rowOf(2, { topic: healthy }), rowOf(3, { topic })]
      const outcomes = await publisher.publish(events, { signal: never })
      expect(statuses(outcomes)).toEqual(['retry', 'published', 'retry'])
      expect(outcomes[0]).toMatchObject({ topic, error: { code: 'OUTBOX_PUBLISH_RETRY' } })
      await missing.create()
      const settled = await publishAll(publisher, [rowOf(1, { topic }), rowOf(3, { topic })])
      expect(statuses([...settled.values()])).toEqual(['published', 'published'])
      expect(valuesOf(await suite.stage.read(topic))).toEqual(['1', '3'])
    })

    test('publishes to many topics in one call', async () => {
      const topics = await Promise.all(
        Array.from({ length: 8 }, () => suite.stage.createTopic({ partitions: 2 })),
      )
      const events = Array.from({ length: 80 }, (_, i) =>
        rowOf(i, { topic: topics[i % 8] ?? '', aggregateId: `k${i}` }),
      )
      expect(new Set(statuses(await suite.publisher().publish(events, { signal: never })))).toEqual(
        new Set(['published']),
      )
      for (const topic of topics) expect(await suite.stage.read(topic)).toHaveLength(10)
    })

    test('says where an event goes', () => {
      expect(suite.publisher().topicOf(rowOf(1, { topic: 'own' }))).toBe('own')
    })
  })
}

function lifeTests(suite: Suite): void {
  describe('life', () => {
    test('opens before it publishes, when it is asked to', async () => {
      const publisher = suite.publisher()
      await publisher.open?.()
      expect(publisher.name).not.toBe('')
    })

    test('gives retry for everything when the signal is aborted already', async () => {
      const topic = await suite.stage.createTopic()
      const outcomes = await suite
        .publisher()
        .publish([rowOf(1, { topic }), rowOf(2, { topic })], { signal: AbortSignal.abort() })
      expect(statuses(outcomes)).toEqual(['retry', 'retry'])
      expect(await suite.stage.read(topic)).toEqual([])
    })

    test('closes twice, and gives retry afterwards', async () => {
      const topic = await suite.stage.createTopic()
      const publisher = suite.publisher()
      await publisher.publish([rowOf(1, { topic })], { signal: never })
      await publisher.close()
      await publisher.close()
      expect(statuses(await publisher.publish([rowOf(2, { topic })], { signal: never }))).toEqual(['retry'])
      expect(valuesOf(await suite.stage.read(topic))).toEqual(['1'])
    })
  })
}
