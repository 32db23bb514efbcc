import { checkBrokers, checkMechanism } from '../connection.js'
import type { KafkaDriver } from '../driver.js'
import { withClient } from '../origin.js'
import { knownMechanisms, redactSettings, toSettings, type ConfluentOptions } from './config.js'
import { ConfluentDriver } from './driver.js'
import type { NativeModule } from './native.js'
import { BatchProducer } from './producer.js'

/** The driver on the package that `load` gives. */
export function createDriver(options: ConfluentOptions, load: () => Promise<NativeModule>): KafkaDriver {
  checkBrokers('confluent', options.brokers)
  checkMechanism('confluent', options.sasl, knownMechanisms)
  const { connectionTimeout = 5_000, logger = () => {} } = options
  const settings = toSettings(options)
  const redact = redactSettings(settings)
  const driver = new ConfluentDriver({
    load,
    createProducer: (module) =>
      new BatchProducer(module, settings, { connectMs: connectionTimeout, redact, log: logger }),
    redact,
  })
  return withClient(driver, {
    brokers: options.brokers,
    clientId: options.clientId,
    ssl: options.ssl,
    sasl: options.sasl,
  })
}
