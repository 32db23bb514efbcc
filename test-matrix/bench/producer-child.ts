// A Kafka client alone: sends the messages that the relay would make, out of memory, by the client's own calls.
import { cloudEvents, type StoredEvent } from '@outboxkit/core'
import { childConfig, cpuMs, listen, monotonicMs, say } from './child-side.js'
import type { DriverName } from './options.js'
import { openProducer, type Message } from './producers.js'
import { partitions } from './partitions.js'

export interface ProducerConfig {
  readonly driver: DriverName
  readonly brokers: readonly string[]
  readonly topic: string
  readonly events: number
  readonly payloadBytes: number
}

export interface ProducerLine {
  readonly state: 'produced'
  readonly ms: number
  readonly cpuMs: number
}

/** What the relay takes at most in one call. */
const batchEvents = 2_000
const distinct = 10_000

const config = childConfig<ProducerConfig>()
const batches = makeBatches()
const producer = await openProducer(config.driver, config.brokers)
listen(() => void producer.close().then(() => process.stdin.destroy()))

// The first request also looks for the topic.
const cpu = cpuMs()
const startedAt = monotonicMs()
for (let sent = 0, turn = 0; sent < config.events; turn++) {
  const messages = (batches[turn % batches.length] ?? []).slice(0, config.events - sent)
  await producer.send(config.topic, messages)
  sent += messages.length
}
const done: ProducerLine = { state: 'produced', ms: monotonicMs() - startedAt, cpuMs: cpuMs() - cpu }
say(done)

function makeBatches(): Message[][] {
  const envelope = cloudEvents()
  const fixed = '{"number":"000000000","text":""}'.length
  const text = 'x'.repeat(config.payloadBytes - fixed)
  const messages = Array.from({ length: distinct }, (_, index): Message => {
    const event: StoredEvent = {
      position: index + 1,
      id: `01936000-0000-7000-8000-${String(index).padStart(12, '0')}`,
      aggregateType: 'bench',
      aggregateId: `key-${index % 1000}`,
      type: 'bench.made',
      payload: `{"number":"${String(index).padStart(9, '0')}","text":"${text}"}`,
      headers: null,
      topic: null,
      createdAt: '2026-01-01T00:00:00.000000Z',
    }
    const { key, value, headers } = envelope.toMessage(event)
    return { key, value, headers, partition: (index % 1000) % partitions }
  })
  const batches: Message[][] = []
  for (let from = 0; from < messages.length; from += batchEvents)
    batches.push(messages.slice(from, from + batchEvents))
  return batches
}
