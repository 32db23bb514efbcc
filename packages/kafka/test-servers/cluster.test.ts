import { setTimeout as sleep } from 'node:timers/promises'
import type { StoredEvent } from '@outboxkit/core'
import type { Publisher } from '@outboxkit/relay'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  startKafkaBehindProxies,
  type KafkaBehindProxies,
} from '../../../test-matrix/services/kafka-behind-proxies.js'
import { readTopic, uniqueTopic, withAdmin } from '../../../test-matrix/services/test-context.js'
import { kafkaPublisher, type KafkaDriver } from '../src/index.js'
import { kafkajs } from '../src/kafkajs/index.js'
import { platformatic } from '../src/platformatic/index.js'
import { storedEvent } from '../test/event.js'
import { confluent, confluentSkip, runsConfluent } from './support/confluent.js'
import { platformaticSkip, runsPlatformatic } from './support/platformatic.js'
import { suiteWhere } from './support/suite-where.js'
import { createTopic } from './support/topics.js'

const never = new AbortController().signal
const keys = 12

// Three brokers of its own: they are killed.
let cluster: KafkaBehindProxies
beforeAll(async () => {
  cluster = await startKafkaBehindProxies({ brokers: 3 })
})
afterAll(async () => {
  await cluster.stop()
})

type CreateDriver = (options: { readonly brokers: string[] }) => KafkaDriver

const newPublisher = (create: CreateDriver): Publisher =>
  kafkaPublisher({
    driver: create({ brokers: cluster.bootstrap.split(',') }),
    publishTimeoutMs: 5_000,
    onWarning: () => {},
  })

const leaderOf = (topic: string): Promise<number> =>
  withAdmin(cluster.kafka.bootstrap, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return (topics[0]?.partitions[0]?.leader ?? 1) - 1
  })

const eventsOf = (topic: string, from: number, to: number): StoredEvent[] =>
  Array.from({ length: to - from }, (_, i) =>
    storedEvent(from + i, { topic, aggregateId: `key-${(from + i) % keys}`, payload: String(from + i) }),
  )

/** As the relay does it: batch after batch, with what is to be retried first. Returns how many outcomes were not good. */
async function pump(publisher: Publisher, topic: string, count: number): Promise<number> {
  let left: readonly StoredEvent[] = []
  let next = 0
  let retries = 0
  while (next < count || left.length > 0) {
    if (left.length === 0) {
      left = eventsOf(topic, next, Math.min(next + 60, count))
      next += left.length
    }
    const outcomes = await publisher.publish(left, { signal: never })
    const failed = left.filter((_, index) => outcomes[index]?.status !== 'published')
    retries += failed.length
    if (failed.length > 0) await sleep(100)
    left = failed
  }
  return retries
}

/** First occurrences per key are complete and in order. Returns how many records are repetitions. */
async function check(topic: string, count: number): Promise<number> {
  const found = await readTopic(cluster.kafka.bootstrap, topic)
  const values = found.map(({ value }) => Number(value?.toString()))
  const firsts = [...new Set(values)]
  for (let key = 0; key < keys; key++)
    expect(firsts.filter((value) => value % keys === key)).toEqual(
      Array.from({ length: count }, (_, i) => i).filter((value) => value % keys === key),
    )
  return values.length - firsts.length
}

brokerTests('kafkajs', kafkajs)
suiteWhere(runsPlatformatic, platformaticSkip, () => brokerTests('platformatic', platformatic))
suiteWhere(runsConfluent, confluentSkip, () => brokerTests('confluent', confluent, true))

/** `repeatsWhenMoved`: the client sends again by itself what a broker refused because it is not the leader any more. */
function brokerTests(name: string, create: CreateDriver, repeatsWhenMoved = false): void {
  describe(`three brokers: ${name}`, () => {
    it('loses and reorders nothing when leaders are killed in the middle of a stream', async () => {
      const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic('leaders'), {
        partitions: 3,
        replicas: 3,
      })
      const publisher = newPublisher(create)
      try {
        const count = 30_000
        const pumping = pump(publisher, topic, count)
        for (let round = 0; round < 2; round++) {
          await sleep(500)
          const leader = await leaderOf(topic)
          await cluster.kafka.kill(leader)
          await sleep(1_000)
          await cluster.kafka.restart(leader)
        }
        // The kills were felt, or this test says nothing.
        expect(await pumping).toBeGreaterThan(0)
        await check(topic, count)
      } finally {
        await publisher.close()
      }
    })

    it('follows leaders that move while all brokers live, and believes no send that was not answered', async () => {
      const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic('moved'), {
        partitions: 3,
        replicas: 2,
      })
      const publisher = newPublisher(create)
      try {
        const count = 20_000
        let done = false
        const pumping = pump(publisher, topic, count).finally(() => {
          done = true
        })
        const leaders = new Set<number>()
        for (let turn = 0; !done && turn < 40; turn++) {
          await moveReplicas(topic, turn)
          await sleep(250)
          leaders.add(await leaderOf(topic))
        }
        expect(await pumping).toBeGreaterThanOrEqual(repeatsWhenMoved ? 0 : 1)
        expect(leaders.size).toBeGreaterThan(1)
        await check(topic, count)
      } finally {
        await publisher.close()
      }
    })

    it('retries below min.insync.replicas and goes on when the replicas are back', async () => {
      const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic('insync'), {
        partitions: 1,
        replicas: 3,
        config: { 'min.insync.replicas': '3' },
      })
      const publisher = newPublisher(create)
      try {
        expect((await publisher.publish(eventsOf(topic, 0, 1), { signal: never }))[0]?.status).toBe(
          'published',
        )
        const leader = await leaderOf(topic)
        const follower = [0, 1, 2].find((index) => index !== leader) ?? 0
        await cluster.kafka.kill(follower)
        // The broker notices a dead follower after some seconds; until then it waits for it.
        let code: unknown
        for (let call = 0; call < 20 && code !== 'NOT_ENOUGH_REPLICAS'; call++) {
          const [outcome] = await publisher.publish(eventsOf(topic, 1, 2), { signal: never })
          expect(outcome?.status).toBe('retry')
          code = outcome?.status === 'retry' ? outcome.error.details['code'] : undefined
        }
        expect(code).toBe('NOT_ENOUGH_REPLICAS')
        await cluster.kafka.restart(follower)
        let status: string | undefined
        for (let call = 0; call < 50 && status !== 'published'; call++) {
          status = (await publisher.publish(eventsOf(topic, 1, 2), { signal: never }))[0]?.status
          await sleep(100)
        }
        expect(status).toBe('published')
      } finally {
        await publisher.close()
      }
    })
  })
}

/** Two of the three brokers hold each partition, each turn two others: now and then the leader is not among them. */
async function moveReplicas(topic: string, turn: number): Promise<void> {
  const broker = (index: number): number => (index % 3) + 1
  await withAdmin(cluster.kafka.bootstrap, (admin) =>
    admin.alterPartitionReassignments({
      topics: [
        {
          topic,
          partitionAssignment: [0, 1, 2].map((partition) => ({
            partition,
            replicas: [broker(turn + partition), broker(turn + partition + 1)],
          })),
        },
      ],
    }),
  )
}
