// The relay of the demo, a process that can be killed. DATABASE_URL, TOPIC (memory:URL or brokers), CURSOR.
import { kafkaPublisher, type KafkaDriver } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { createRelay } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryDriver } from './memory-driver.js'
import { memoryPartitions } from './memory-topic-info.js'

const topic = process.env['TOPIC'] ?? ''
const driver: KafkaDriver = topic.startsWith('memory:')
  ? memoryDriver(topic.slice('memory:'.length), memoryPartitions)
  : kafkajs({ brokers: topic.split(','), clientId: 'demo-relay' })

const url = process.env['DATABASE_URL'] ?? ''
// The planted fault of --broken-cursor: `position > last`, as most hand-written relays read.
const internal = process.env['CURSOR'] === 'broken' ? ({ unsafeRule: 'none' } as const) : {}

const relay = createRelay({
  source: url.startsWith('mysql:') ? mysqlSource({ url, internal }) : postgresSource({ url, internal }),
  publisher: kafkaPublisher({ driver, topic: process.env['TOPIC_NAME'] ?? '' }),
  lease: { termMs: 3000 },
})

relay.on('owner', () => console.log('state: owner'))
relay.on('standby', () => console.log('state: standby'))
relay.on('fault', ({ error }) => console.log(`fault: ${error.message}`))
process.once('SIGTERM', () => void relay.stop())
await relay.start()
