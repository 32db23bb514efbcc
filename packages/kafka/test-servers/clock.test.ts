import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { randomUUID } from 'node:crypto'
import { expect, inject, test, vi } from 'vitest'
import { createTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'

test('a clock that is two hours ahead makes events wait; it rejects none', async () => {
  const brokers = inject('kafkaBrokers')
  const topic = await createTopic(brokers, uniqueTopic())
  const publisher = kafkaPublisher({ driver: kafkajs({ brokers: brokers.split(',') }), topic })
  const event = (n: number) => ({
    position: n,
    id: randomUUID(),
    aggregateType: 'order',
    aggregateId: String(n),
    type: 't',
    payload: '{}',
    headers: null,
    topic: null,
    createdAt: new Date().toISOString(),
  })
  const real = Date.now
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => real() + 2 * 3_600_000)
  const outcomes = await publisher.publish([1, 2, 3].map(event), { signal: new AbortController().signal })
  spy.mockRestore()
  await publisher.close()
  expect(outcomes.map(({ status }) => status)).not.toContain('reject')
})
