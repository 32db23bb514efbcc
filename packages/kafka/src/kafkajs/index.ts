import type { Kafka, KafkaConfig } from 'kafkajs'
import { checkBrokers } from '../connection.js'
import type { KafkaDriver } from '../driver.js'
import { keepAnswers } from './answers.js'
import { createClient, loadKafkajs, type KafkajsLogger } from './client.js'
import { KafkajsDriver } from './driver.js'
import { withClient } from '../origin.js'
import { redactor } from '../secrets.js'

export type { KafkajsLogger } from './client.js'

/** kafkajs' own configuration: `brokers`, `ssl`, `sasl`, `clientId` … */
export interface KafkajsOptions extends KafkaConfig {
  /** Gets what kafkajs logs. Default: nothing is logged; what matters comes back as an outcome. */
  readonly logger?: KafkajsLogger
}

/**
 * The Kafka driver on kafkajs, the client in pure JavaScript; the package kafkajs must be installed.
 *
 * Takes kafkajs' configuration, or an existing `Kafka` (whose logging and sockets stay its own: connections that
 * hang are then left to its time-outs). `retry` counts for connecting only.
 *
 * Throws `OUTBOX_OPTION_INVALID` without brokers.
 */
export function kafkajs(options: KafkajsOptions | Kafka): KafkaDriver {
  if (isKafka(options))
    return new KafkajsDriver({
      load: async () => {
        // For its TimeoutNegativeWarning and its answers; the class itself is there, perhaps from another copy.
        const Class = await loadKafkajs().catch(() => undefined)
        const isOurs = Class !== undefined && options instanceof Class
        return { Class: undefined, keepsAnswers: isOurs && (await keepAnswers()) }
      },
      createClient: () => ({ kafka: options, destroy() {} }),
      redact: (text) => text,
    })
  const { brokers } = options
  if (typeof brokers !== 'function') checkBrokers('kafkajs', brokers)
  const { logger, ...config } = options
  const redact = redactor(config)
  const driver = new KafkajsDriver({
    load: async () => ({ Class: await loadKafkajs(), keepsAnswers: await keepAnswers() }),
    createClient: (Class) => {
      if (Class === undefined) throw new TypeError('kafkajs is not loaded')
      return createClient(Class, config, logger, redact)
    },
    redact,
  })
  return withClient(driver, config)
}

function isKafka(options: KafkajsOptions | Kafka): options is Kafka {
  return typeof (options as { producer?: unknown }).producer === 'function'
}
