import { isIP } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { BaseOptions } from '@platformatic/kafka'
import {
  checkBrokers,
  checkMechanism,
  type ConnectionOptions,
  type SaslOptions,
  type SslOptions,
} from '../connection.js'
import type { KafkaDriver } from '../driver.js'
import { withClient } from '../origin.js'
import { redactor } from '../secrets.js'
import { Cluster } from './cluster.js'
import { PlatformaticDriver } from './driver.js'
import { checkNode, loadPlatformatic } from './load.js'

/** A token for SASL OAUTHBEARER; asked again for every connection. */
export interface OauthOptions {
  readonly mechanism: 'oauthbearer'
  readonly oauthBearerProvider: () => Promise<{ readonly value: string }>
}

export interface PlatformaticOptions extends ConnectionOptions {
  /** Options of `tls.connect`; `true`: the defaults. */
  readonly ssl?: SslOptions
  readonly sasl?: SaslOptions | OauthOptions
  /** How long a connection may take to come about, in milliseconds. Default 5000. */
  readonly connectionTimeout?: number
}

const mechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
  oauthbearer: 'OAUTHBEARER',
} as const

/**
 * The Kafka driver on `@platformatic/kafka` 2.12 or newer, which must be installed: pure JavaScript, on Node.js
 * 22.22 and newer.
 *
 * Throws `OUTBOX_DRIVER_UNSUPPORTED` on an older Node.js, and `OUTBOX_OPTION_INVALID` without brokers or with an
 * unknown SASL mechanism.
 */
export function platformatic(options: PlatformaticOptions): KafkaDriver {
  checkNode(process.versions.node)
  checkBrokers('platformatic', options.brokers)
  checkMechanism('platformatic', options.sasl, Object.keys(mechanisms))
  const base = baseOptions(options)
  const driver = new PlatformaticDriver({
    load: loadPlatformatic,
    createCluster: (module) => new Cluster(module, base),
    redact: redactor(options),
  })
  return withClient(driver, options)
}

function baseOptions(options: PlatformaticOptions): BaseOptions {
  const { brokers, clientId = 'outboxkit', ssl, sasl, connectionTimeout = 5_000 } = options
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: connectionTimeout,
    // The driver has deadlines of its own, and nothing is to wait inside the client or to be repeated there.
    requestTimeout: 2_147_483_647,
    maxInflights: 1_000,
    retries: 0,
    autocreateTopics: false,
    ...(ssl ? tlsOptions(ssl, brokers) : {}),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  }
}

/** An address is no name that a TLS client may ask for; its certificate is checked all the same. */
function tlsOptions(
  ssl: true | TlsOptions,
  brokers: readonly string[],
): Pick<BaseOptions, 'tls' | 'tlsServerName'> {
  const tls = ssl === true ? {} : ssl
  const named = brokers.some(
    (broker) => isIP(broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|]$/g, '')) === 0,
  )
  return { tls, tlsServerName: tls.servername === undefined && named }
}

function saslOptions(sasl: SaslOptions | OauthOptions): NonNullable<BaseOptions['sasl']> {
  if (sasl.mechanism === 'oauthbearer') {
    const { oauthBearerProvider } = sasl
    return { mechanism: mechanisms.oauthbearer, token: async () => (await oauthBearerProvider()).value }
  }
  const { mechanism, username, password } = sasl
  return { mechanism: mechanisms[mechanism], username, password }
}
