import type { KafkaDriver } from '@outboxkit/kafka'
import type { RelayConfig } from './relay-config.js'

/** Only the driver in use is loaded: platformatic's package needs a newer Node, confluent's a native part. */
export async function relayDriver({ brokers, driver = 'kafkajs' }: RelayConfig): Promise<KafkaDriver> {
  switch (driver) {
    case 'kafkajs': {
      const { kafkajs } = await import('@outboxkit/kafka/kafkajs')
      return kafkajs({ brokers: [...brokers] })
    }
    case 'platformatic': {
      const { platformatic } = await import('@outboxkit/kafka/platformatic')
      return platformatic({ brokers })
    }
    case 'confluent': {
      const { confluent } = await import('../../packages/kafka/test-servers/support/confluent.js')
      return confluent({ brokers })
    }
  }
}
