import type { KafkaDriver } from '@outboxkit/kafka'
import type { Source } from '@outboxkit/relay'
import type { DatabaseName, DriverName } from './options.js'
import { confluentVariable } from './producer-confluent.js'

/** The source of a relay on one of the databases. Only what is used is loaded. */
export async function openSource(database: DatabaseName, url: string): Promise<Source> {
  if (database === 'postgres') {
    const { postgresSource } = await import('@outboxkit/relay/postgres')
    return postgresSource({ url, onWarning: () => undefined })
  }
  const { mysqlSource } = await import('@outboxkit/relay/mysql')
  return mysqlSource({ url, onWarning: () => undefined })
}

/** The Kafka driver of a relay. */
export async function openDriver(driver: DriverName, brokers: readonly string[]): Promise<KafkaDriver> {
  if (driver === 'kafkajs') {
    const { kafkajs } = await import('@outboxkit/kafka/kafkajs')
    return kafkajs({ brokers: [...brokers], clientId: 'bench-relay' })
  }
  if (driver === 'platformatic') {
    const { platformatic } = await import('@outboxkit/kafka/platformatic')
    return platformatic({ brokers, clientId: 'bench-relay' })
  }
  const address = process.env[confluentVariable]
  if (!address) return (await import('@outboxkit/kafka/confluent')).confluent({ brokers })
  // Not installed: the same driver on the package in the cache.
  const [{ createDriver }, { fromModule }] = await Promise.all([
    import('../../packages/kafka/src/confluent/create.js'),
    import('../../packages/kafka/src/confluent/native.js'),
  ])
  return createDriver({ brokers }, async () => fromModule(await import(address)))
}
