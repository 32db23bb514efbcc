import { OutboxError } from '@outboxkit/core'
import type { ConnectionOptions, SaslOptions } from '../connection.js'
import { secretsOf } from '../secrets.js'

/** Settings of librdkafka, by their names there. */
export type LibrdkafkaSettings = Readonly<Record<string, string | number | boolean>>

/** What of `tls.connect`'s options librdkafka can be told. Certificates and keys are PEM. */
export interface ConfluentSslOptions {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** Default true. */
  readonly rejectUnauthorized?: boolean
}

export interface ConfluentOptions extends ConnectionOptions {
  /** `true`: TLS with the certificates of the system. */
  readonly ssl?: boolean | ConfluentSslOptions
  readonly sasl?: SaslOptions
  /** How long a connection may take to come about, in milliseconds. Default 5000. */
  readonly connectionTimeout?: number
  /** Further settings of librdkafka, for example `compression.type`, or OAUTHBEARER by OIDC. */
  readonly librdkafka?: LibrdkafkaSettings
  /** Gets what librdkafka logs. Default: nothing is logged; what matters comes back as an outcome. */
  readonly logger?: (entry: { readonly severity: number; readonly message: string }) => void
}

/**
 * What the driver's promises rest on; nobody else can set it. A batch must become one request: it waits (linger)
 * until all of it is there, no limit of a batch can be reached before, and a message never times out alone.
 */
const fixed: LibrdkafkaSettings = {
  acks: -1,
  'enable.idempotence': false,
  retries: 0,
  'linger.ms': 900_000,
  'batch.num.messages': 1_000_000,
  'batch.size': 2_147_483_647,
  'message.max.bytes': 1_000_000_000,
  'queue.buffering.max.messages': 0,
  'queue.buffering.max.kbytes': 2_147_483_647,
  'message.timeout.ms': 0,
  'allow.auto.create.topics': false,
  dr_cb: true,
}

const defaults: LibrdkafkaSettings = {
  'topic.metadata.propagation.max.ms': 1_000,
  'reconnect.backoff.max.ms': 1_000,
  'socket.keepalive.enable': true,
  'log.connection.close': false,
}

/** Other names of the same settings. */
const aliases = [
  'request.required.acks',
  'message.send.max.retries',
  'queue.buffering.max.ms',
  'delivery.timeout.ms',
  'transactional.id',
  'dr_msg_cb',
]

const mechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const

export const knownMechanisms: readonly string[] = Object.keys(mechanisms)

/** The whole configuration of a producer. Throws `OUTBOX_OPTION_INVALID`. */
export function toSettings(options: ConfluentOptions): LibrdkafkaSettings {
  const { brokers, clientId = 'outboxkit', ssl, sasl, connectionTimeout = 5_000, librdkafka = {} } = options
  const taken = [...Object.keys(fixed), ...aliases].find((name) => name in librdkafka)
  if (taken !== undefined)
    throw invalid(`librdkafka['${taken}'] is the driver's own business: its promises rest on it.`)
  return {
    ...defaults,
    'socket.connection.setup.timeout.ms': Math.max(1_000, connectionTimeout),
    ...librdkafka,
    ...securityOf(ssl, sasl),
    'bootstrap.servers': brokers.join(','),
    'client.id': clientId,
    ...fixed,
  }
}

function securityOf(ssl: ConfluentOptions['ssl'], sasl: SaslOptions | undefined): LibrdkafkaSettings {
  if (!ssl && sasl === undefined) return {}
  const protocol = `${sasl === undefined ? '' : 'sasl_'}${ssl ? 'ssl' : 'plaintext'}`
  return {
    'security.protocol': protocol,
    ...(ssl && ssl !== true ? tlsOf(ssl) : {}),
    ...(sasl === undefined
      ? {}
      : {
          'sasl.mechanism': mechanisms[sasl.mechanism],
          'sasl.username': sasl.username,
          'sasl.password': sasl.password,
        }),
  }
}

function tlsOf(ssl: ConfluentSslOptions): LibrdkafkaSettings {
  const { ca, cert, key, passphrase, rejectUnauthorized, ...others } = ssl
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw invalid(`ssl.${unknown} is not known; librdkafka has settings of its own (option librdkafka).`)
  return {
    ...(ca === undefined ? {} : { 'ssl.ca.pem': [ca].flat().map(pem).join('\n') }),
    ...(cert === undefined ? {} : { 'ssl.certificate.pem': pem(cert) }),
    ...(key === undefined ? {} : { 'ssl.key.pem': pem(key) }),
    ...(passphrase === undefined ? {} : { 'ssl.key.password': passphrase }),
    ...(rejectUnauthorized === undefined
      ? {}
      : { 'enable.ssl.certificate.verification': rejectUnauthorized }),
  }
}

function pem(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1')
}

/** Makes a function that blanks out in a text what is secret in the settings. */
export function redactSettings(settings: LibrdkafkaSettings): (text: string) => string {
  const secret = Object.entries(settings)
    .filter(([name]) => /password|secret|token|jaas|\.key\.pem$|assertion|ssl_key/.test(name))
    .map(([, value]) => String(value))
  return secretsOf(secret)
}

function invalid(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', `confluent(): ${message}`)
}
