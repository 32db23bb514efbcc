import type { KafkaDriver } from '../driver.js'
import type { ConfluentOptions } from './config.js'
import { createDriver } from './create.js'
import { loadConfluent } from './native.js'

export type { ConfluentOptions, ConfluentSslOptions, LibrdkafkaSettings } from './config.js'

/**
 * The Kafka driver on librdkafka, through `@confluentinc/kafka-javascript` 1.10 or newer, which must be installed
 * with its native part; without it the first call fails with `OUTBOX_DRIVER_UNSUPPORTED`.
 *
 * Throws `OUTBOX_OPTION_INVALID` without brokers, with an unknown SASL mechanism, or when `librdkafka` has a
 * setting that the driver's promises rest on.
 */
export function confluent(options: ConfluentOptions): KafkaDriver {
  return createDriver(options, loadConfluent)
}
