import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { createRelay } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { brokers, database, databaseUrl } from './config.js'

// Start it twice: the second one stands by, and takes over when the first one dies.
const relay = createRelay({
  source: database === 'mysql' ? mysqlSource({ url: databaseUrl }) : postgresSource({ url: databaseUrl }),
  publisher: kafkaPublisher({
    driver: kafkajs({ brokers, clientId: 'orders-relay' }),
    createTopics: { partitions: 3, replicationFactor: 1 },
  }),
})

relay.on('owner', () => console.log(`relay ${process.pid}: owner, publishing`))
relay.on('standby', () => console.log(`relay ${process.pid}: standing by`))
relay.on('fault', ({ error }) => console.error(error.message))
await relay.start()

process.once('SIGTERM', () => void relay.stop())
process.once('SIGINT', () => void relay.stop())
