import { parseMessage, type StoredEvent } from '@outboxkit/core'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { describe, expect, inject, it } from 'vitest'
import {
  readTopic,
  uniqueTopic,
  withAdmin,
  type TopicRecord,
} from '../../../test-matrix/services/test-context.js'
import { kafkaPublisher, partitionOf, type KafkaPublisherOptions, type KafkaWarning } from '../src/index.js'
import { kafkajs } from '../src/kafkajs/index.js'
import { storedEvent } from '../test/event.js'
import { addPartitions, createTopic } from './support/topics.js'

const never = new AbortController().signal
const brokers = (): string => inject('kafkaBrokers')

/** Publishes with a publisher of its own and closes it. */
async function withPublisher<T>(
  options: Partial<KafkaPublisherOptions>,
  work: (publisher: ReturnType<typeof kafkaPublisher>, warnings: KafkaWarning[]) => Promise<T>,
): Promise<T> {
  const warnings: KafkaWarning[] = []
  const publisher = kafkaPublisher({
    driver: kafkajs({ brokers: brokers().split(',') }),
    onWarning: (warning) => warnings.push(warning),
    ...options,
  })
  try {
    return await work(publisher, warnings)
  } finally {
    await publisher.close()
  }
}

const headersOf = ({ headers }: TopicRecord): (readonly [string, string | null])[] =>
  headers.map(([name, value]) => [name, value === null ? null : value.toString()])

describe('envelopes on the wire', () => {
  const fields = { aggregateId: 'user-42', payload: '{"a": 1e3}', headers: '{"tenant":"acme"}' }

  it('debezium: topic, partition, key, value and headers', async () => {
    const aggregateType = uniqueTopic('Order')
    const topic = await createTopic(brokers(), `outbox.event.${aggregateType}`, { partitions: 6 })
    const events = [
      storedEvent(1, { ...fields, aggregateType }),
      storedEvent(2, { aggregateType, payload: null }),
    ]
    await withPublisher({ envelope: 'debezium' }, (publisher) => publisher.publish(events, { signal: never }))
    const [first, second] = (await readTopic(brokers(), topic)).toSorted(
      (a, b) => a.timestamp - b.timestamp || (a.value === null ? 1 : -1),
    )
    expect(first).toMatchObject({
      partition: 4,
      key: Buffer.from('user-42'),
      value: Buffer.from('{"a": 1e3}'),
    })
    expect(first && headersOf(first)).toEqual([['id', events[0]?.id]])
    expect(second?.value).toBeNull()
  })

  it.each(['cloudevents', 'cloudevents-structured'] as const)(
    '%s: comes back as it was',
    async (envelope) => {
      const topic = await createTopic(brokers(), uniqueTopic('ce'))
      await withPublisher({ envelope }, (publisher) =>
        publisher.publish([storedEvent(1, { ...fields, topic })], { signal: never }),
      )
      const [found] = await readTopic(brokers(), topic)
      const message = { key: found?.key, value: found?.value, headers: new Map(found?.headers) }
      expect(parseMessage(message)).toMatchObject({
        id: storedEvent(1).id,
        aggregateId: 'user-42',
        payload: { a: 1000 },
        headers: { tenant: 'acme' },
        time: '2026-01-02T03:04:05.678901Z',
      })
    },
  )
})

describe('limits', () => {
  it('knows to the byte what a topic accepts', async () => {
    const limit = 5_000
    const topic = await createTopic(brokers(), uniqueTopic('limit'), {
      config: { 'max.message.bytes': String(limit) },
    })
    const event = (payload: string, position: number): StoredEvent =>
      storedEvent(position, { topic, payload, aggregateId: null })
    const envelope: KafkaPublisherOptions['envelope'] = ({ payload }) => ({
      key: null,
      value: payload,
      headers: [],
    })
    // 61 bytes for the head of the batch; lengths, deltas, the null key and the number of headers take 9.
    const fits = limit - 61 - 9
    await withPublisher({ envelope }, async (publisher) => {
      const details = await Promise.all(
        [fits - 2, fits - 1, fits, fits + 1].map(async (bytes) => {
          const [ours] = await publisher.publish([event('x'.repeat(bytes), bytes)], { signal: never })
          return [ours?.status === 'published', await brokerAccepts(topic, 'x'.repeat(bytes))]
        }),
      )
      expect(details).toEqual([
        [true, true],
        [true, true],
        [true, true],
        [false, false],
      ])
    })
  })
})

/** What the broker says to a batch of one record with no key and no headers. */
async function brokerAccepts(topic: string, value: string): Promise<boolean> {
  const driver = kafkajs({ brokers: brokers().split(',') })
  try {
    const record = { key: null, value, headers: [] }
    const [outcome] = await driver.send([{ topic, partition: 0, records: [record] }], {
      signal: never,
      deadlineMs: 10_000,
    })
    return outcome?.status === 'written'
  } finally {
    await driver.close()
  }
}

describe('topics that change', () => {
  it('pins the number of partitions; once read again, keys go where they belong then', async () => {
    const topic = await createTopic(brokers(), uniqueTopic('grow'), { partitions: 2 })
    const events = (from: number): StoredEvent[] =>
      Array.from({ length: 20 }, (_, i) => storedEvent(from + i, { topic, aggregateId: `key-${i}` }))
    await withPublisher({}, async (publisher, warnings) => {
      await publisher.publish(events(0), { signal: never })
      await addPartitions(brokers(), topic, 7)
      await publisher.publish(events(100), { signal: never })
      expect(new Set((await readTopic(brokers(), topic)).map(({ partition }) => partition))).toEqual(
        new Set([0, 1]),
      )
      expect(warnings.filter(({ code }) => code === 'partitions-changed')).toEqual([])
    })
    await withPublisher({}, (publisher) => publisher.publish(events(200), { signal: never }))
    const found = await readTopic(brokers(), topic)
    expect(found).toHaveLength(60)
    for (const { partition, key, headers } of found.filter(({ headers: all }) => idOf(all) >= 200))
      expect([partition, headers.length > 0]).toEqual([partitionOf(key ?? Buffer.alloc(0), 7), true])
  })

  it('goes on after a topic was deleted and made anew with other partitions', async () => {
    const topic = await createTopic(brokers(), uniqueTopic('again'), { partitions: 5 })
    const healthy = await createTopic(brokers(), uniqueTopic('healthy'))
    await withPublisher({}, async (publisher, warnings) => {
      const one = (position: number): StoredEvent[] => [
        storedEvent(position, { topic, aggregateId: `k${position}` }),
        storedEvent(position + 1, { topic: healthy }),
      ]
      await publisher.publish(one(1), { signal: never })
      await withAdmin(brokers(), (admin) => admin.deleteTopics({ topics: [topic] }))
      const gone = await publisher.publish(one(3), { signal: never })
      expect(gone.map(({ status }) => status)).toEqual(['retry', 'published'])
      await createTopic(brokers(), topic, { partitions: 2 })
      let back = await publisher.publish(one(5), { signal: never })
      for (let call = 0; call < 20 && back.some(({ status }) => status !== 'published'); call++)
        back = await publisher.publish(one(5), { signal: never })
      expect(back.map(({ status }) => status)).toEqual(['published', 'published'])
      const [found] = await readTopic(brokers(), topic)
      expect(found?.partition).toBe(partitionOf(Buffer.from('k5'), 2))
      expect(warnings.map(({ code }) => code)).toContain('topic-unsafe')
    })
  })
})

describe('an existing client', () => {
  it('publishes with a Kafka of the application, and ends only its own connections', async () => {
    const kafka = new Kafka({ brokers: brokers().split(','), logLevel: logLevel.NOTHING })
    const topic = await createTopic(brokers(), uniqueTopic('existing'))
    const own = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await own.connect()
    try {
      await withPublisher({ driver: kafkajs(kafka) }, async (publisher) => {
        const outcomes = await publisher.publish([storedEvent(1, { topic })], { signal: never })
        expect(outcomes).toEqual([{ status: 'published' }])
      })
      await own.send({ topic, messages: [{ value: 'still connected' }] })
      expect(await readTopic(brokers(), topic)).toHaveLength(2)
    } finally {
      await own.disconnect()
    }
  })
})

describe('start', () => {
  it('is an error for a missing topic that is certain, unless it may be created', async () => {
    const topic = uniqueTopic('certain')
    await withPublisher({ topic }, async (publisher) => {
      await expect(publisher.open?.()).rejects.toMatchObject({
        code: 'OUTBOX_OPTION_INVALID',
        details: { topic },
      })
    })
    await withPublisher(
      { topic, createTopics: { partitions: 3, replicationFactor: 1 } },
      async (publisher, warnings) => {
        await publisher.open?.()
        expect(warnings.map(({ code }) => code)).toEqual(['topic-created', 'topic-unsafe'])
        const [outcome] = await publisher.publish([storedEvent(1)], { signal: never })
        expect(outcome?.status).toBe('published')
      },
    )
  })

  it('says when nobody is there', async () => {
    const driver = kafkajs({ brokers: ['127.0.0.1:1'] })
    await withPublisher({ driver, publishTimeoutMs: 2_000 }, async (publisher) => {
      await expect(publisher.open?.()).rejects.toMatchObject({ code: 'OUTBOX_PUBLISH_RETRY' })
      const [outcome] = await publisher.publish([storedEvent(1)], { signal: never })
      expect(outcome).toMatchObject({ status: 'retry', topic: 'outbox.event.order' })
    })
  })
})

function idOf(headers: TopicRecord['headers']): number {
  const id = headers.find(([name]) => name === 'ce_id')?.[1]?.toString() ?? ''
  return Number(id.slice(-12))
}
