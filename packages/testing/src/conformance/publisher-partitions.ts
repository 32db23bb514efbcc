import type { StoredEvent } from '@outboxkit/core'
import type { Publisher } from '@outboxkit/relay'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { mostInFlight, partitionsOf } from './driver-harness.js'
import {
  generatedKeys,
  never,
  publishAll,
  rowOf,
  statuses,
  valuesOf,
  type PublishedMessage,
  type PublisherStage,
} from './publisher-harness.js'

interface Suite {
  readonly stage: PublisherStage
  publisher(): Publisher
}

const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`)

/** One event per key, at the positions from `from` on. */
const oneEach = (topic: string, from: number): readonly StoredEvent[] =>
  keys.map((aggregateId, i) => rowOf(from + i, { topic, aggregateId }))

const ascending = (a: number, b: number): number => a - b

const published = (events: readonly unknown[]): readonly string[] => events.map(() => 'published')

const keyOf = ({ key }: PublishedMessage): string => Buffer.from(key ?? []).toString()

/** Clauses 1, 2 and 7 of the driver contract, where publisher and driver keep them together. */
export function partitionTests(suite: Suite): void {
  describe('partitions', () => {
    test('puts 200 keys where the Java client puts them', async () => {
      const topic = await suite.stage.createTopic({ partitions: 7 })
      const events = generatedKeys(200).map((aggregateId, i) => rowOf(i, { topic, aggregateId }))
      expect(statuses(await suite.publisher().publish(events, { signal: never }))).toEqual(published(events))
      const found = await suite.stage.read(topic)
      expect(new Map(found.map((message) => [keyOf(message), message.partition]))).toEqual(
        new Map(
          events.map(({ aggregateId }) => [aggregateId, suite.stage.javaPartition(aggregateId ?? '', 7)]),
        ),
      )
      expect(new Set(found.map(({ partition }) => partition)).size).toBe(7)
    })

    test('has one request in flight per partition, however many calls overlap', async () => {
      const topic = await suite.stage.createTopic({ partitions: 4 })
      const { network } = suite.stage
      const publisher = suite.publisher()
      await publisher.publish(oneEach(topic, 0), { signal: never })
      // Every answer takes up to 200 ms; whatever does not wait for it has been sent by then.
      network.holdAnswers()
      const slow = setInterval(() => {
        network.passAnswers()
        network.holdAnswers()
      }, 200)
      try {
        const calls = Array.from({ length: 10 }, (_, call) =>
          publisher.publish(oneEach(topic, 100 * (call + 1)), { signal: never }),
        )
        const outcomes = (await Promise.all(calls)).flat()
        expect(statuses(outcomes)).toEqual(published(outcomes))
      } finally {
        clearInterval(slow)
      }
      const requests = network.produced.filter((request) => partitionsOf([request], topic).length > 0)
      expect(partitionsOf(requests, topic)).toHaveLength(11 * 4)
      expect(mostInFlight(requests, topic)).toBe(1)
      // Different partitions did wait at the same time: the measure sees what is in flight.
      const atOnce = requests.map((request) => partitionsOf([...request.during, request], topic).length)
      expect(Math.max(...atOnce)).toBe(4)
    })

    test('does not touch the number of partitions while something is in flight; once idle and noticed, the new one counts', async () => {
      const topic = await suite.stage.createTopic({ partitions: 2 })
      const { network } = suite.stage
      const publisher = suite.publisher()
      const publish = (from: number): ReturnType<Publisher['publish']> =>
        publisher.publish(oneEach(topic, from), { signal: never })
      await publish(0)
      const before = network.produced.length
      const asked = (): readonly number[] =>
        partitionsOf(network.produced.slice(before), topic).toSorted(ascending)
      network.holdAnswers()
      const calls = [publish(100), publish(200)]
      await expect.poll(asked).toEqual([0, 1])
      await suite.stage.addPartitions(topic, 7)
      calls.push(publish(300))
      await sleep(300)
      expect(asked()).toEqual([0, 1])
      network.passAnswers()
      const outcomes = (await Promise.all(calls)).flat()
      expect(statuses(outcomes)).toEqual(published(outcomes))
      const old = await suite.stage.read(topic)
      for (const [i, key] of keys.entries()) {
        const mine = old.filter((message) => keyOf(message) === key)
        expect(valuesOf(mine)).toEqual([0, 100, 200, 300].map((from) => `${from + i}`))
        expect(new Set(mine.map(({ partition }) => partition))).toEqual(
          new Set([suite.stage.javaPartition(key, 2)]),
        )
      }
      // After a failure the topic is looked at again.
      const cut = network.cutOn('request')
      const [failed] = await publisher.publish(oneEach(topic, 400).slice(0, 1), { signal: never })
      expect([failed?.status, cut.hits]).toEqual(['retry', 1])
      expect(statuses(await publish(400))).toEqual(published(keys))
      const all = await suite.stage.read(topic)
      expect(all).toHaveLength(5 * keys.length)
      const moved = all.filter((message) => Number(valuesOf([message])[0]) >= 400)
      expect(new Map(moved.map((message) => [keyOf(message), message.partition]))).toEqual(
        new Map(keys.map((key) => [key, suite.stage.javaPartition(key, 7)])),
      )
      expect(moved.some(({ partition }) => partition >= 2)).toBe(true)
    })

    test('a number of partitions that is in doubt is not taken over before the call in flight has ended', async () => {
      const topic = await suite.stage.createTopic({ partitions: 2, maxMessageBytes: 500_000 })
      const { network } = suite.stage
      const publisher = suite.publisher()
      await publisher.publish(oneEach(topic, 0), { signal: never })
      // Too large together, which the first answers say: from then on the topic is in doubt, and halves follow.
      await suite.stage.setMaxMessageBytes(topic, 5_000)
      const before = network.produced.length
      const asked = (): readonly number[] => partitionsOf(network.produced.slice(before), topic)
      network.holdAnswers()
      const large = publisher.publish(
        keys.map((aggregateId, i) =>
          rowOf(100 + i, { topic, aggregateId, payload: `${100 + i}`.padEnd(1_000, ' ') }),
        ),
        { signal: never },
      )
      await expect.poll(() => asked().length).toBe(2)
      await expect
        .poll(() => {
          const count = asked().length
          if (count < 4) {
            network.passAnswers()
            network.holdAnswers()
          }
          return count
        })
        .toBe(4)
      await suite.stage.addPartitions(topic, 7)
      const next = publisher.publish(oneEach(topic, 200), { signal: never })
      await sleep(300)
      expect(asked().toSorted(ascending)).toEqual([0, 0, 1, 1])
      network.passAnswers()
      expect(statuses(await large)).toEqual(published(keys))
      // The client behind it may have to learn of the new partitions first, at the price of a retry.
      const first = await next
      const left = oneEach(topic, 200).filter((_, i) => first[i]?.status !== 'published')
      const settled = await publishAll(publisher, left)
      expect(statuses([...settled.values()])).toEqual(published(left))
      expect(mostInFlight(network.produced, topic)).toBe(1)
      const found = await suite.stage.read(topic)
      for (const [i, key] of keys.entries()) {
        const at = new Map(
          found
            .filter((message) => keyOf(message) === key)
            .map((message) => [Number(valuesOf([message])[0]), message.partition]),
        )
        const [was, is] = [2, 7].map((count) => suite.stage.javaPartition(key, count))
        expect(at).toEqual(
          new Map([
            [i, was],
            [100 + i, was],
            [200 + i, is],
          ]),
        )
      }
    })
  })
}
