import { cloudEvents, debezium, type Envelope, type StoredEvent } from '@outboxkit/core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { javaPartition } from '../../../test-matrix/checker/expected.js'
import { readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { kafkaPublisher, type KafkaDriver } from '../src/index.js'
import { kafkajs } from '../src/kafkajs/index.js'
import { platformatic } from '../src/platformatic/index.js'
import { storedEvent } from '../test/event.js'
import { confluent, confluentSkip, runsConfluent } from './support/confluent.js'
import { platformaticSkip, runsPlatformatic } from './support/platformatic.js'
import { suiteWhere } from './support/suite-where.js'
import { createTopic } from './support/topics.js'

const partitions = 7
const brokers = inject('kafkaBrokers').split(',')

// The one line that differs.
const drivers: readonly (readonly [name: string, runs: boolean, skip: string, create: () => KafkaDriver])[] =
  [
    ['kafkajs', true, '', () => kafkajs({ brokers })],
    ['platformatic', runsPlatformatic, platformaticSkip, () => platformatic({ brokers })],
    ['confluent', runsConfluent, confluentSkip, () => confluent({ brokers })],
  ]

/** Whatever an application may put into a row. */
const events: readonly StoredEvent[] = Array.from({ length: 400 }, (_, i) =>
  storedEvent(i + 1, {
    aggregateId: ['order-', 'ключ é漢😀 ', '"quoted" ', '0'][i % 4] + String(i % 60),
    payload: [null, '', `{"n": ${i}, "e": 1e3, "text": "é漢😀\\u0000"}`, JSON.stringify('x'.repeat(i * 20))][
      i % 4
    ]!,
    headers: [null, '{"tenant":"acme","empty":""}', '{"1":"one","__proto__":"p","ключ":"😀"}'][i % 3]!,
  }),
)

const envelopes: readonly (readonly [string, Envelope])[] = [
  ['cloudevents', cloudEvents({ source: '/orders' })],
  ['debezium', debezium()],
]

const hex = (value: string | Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value as string).toString('hex')

interface Wire {
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** From the envelope and the Java client's partitioner alone: no driver has a hand in it. */
function expected(envelope: Envelope): readonly Wire[] {
  const wires = events.map((event): Wire => {
    const { key, value, headers } = envelope.toMessage(event)
    return {
      partition: javaPartition(String(event.aggregateId), partitions),
      key: hex(key),
      value: hex(value),
      headers: headers.map(([name, text]) => [name, hex(text)]),
    }
  })
  return wires.toSorted((a, b) => a.partition - b.partition)
}

for (const [name, runs, reason, create] of drivers)
  suiteWhere(runs, `${name}: ${reason}`, () =>
    describe(`the same events with ${name}`, () => {
      let driver: KafkaDriver
      beforeAll(() => {
        driver = create()
      })
      afterAll(() => driver.close())

      it.each(envelopes)('are the same bytes on the same partitions: %s', async (_, envelope) => {
        const topic = await createTopic(brokers.join(), uniqueTopic('same'), { partitions })
        const publisher = kafkaPublisher({ driver, envelope, topic, onWarning: () => {} })
        const outcomes = await publisher.publish(events, { signal: new AbortController().signal })
        expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['published']))
        const found = await readTopic(brokers.join(), topic)
        expect(
          found.map(({ partition, key, value, headers }): Wire => ({
            partition,
            key: hex(key),
            value: hex(value),
            headers: headers.map(([header, bytes]) => [header, hex(bytes)]),
          })),
        ).toEqual(expected(envelope))
      })
    }),
  )
