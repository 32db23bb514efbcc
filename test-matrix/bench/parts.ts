import type { KafkaDriver } from '@outboxkit/kafka'
import type { Source } from '@outboxkit/relay'
import type { DatabaseName, DriverName } from './options.js'

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
  throw new Error(`no driver ${driver} yet`)
}
