import { cloudEvents } from '@outboxkit/core'
import {
  kafkaPublisher,
  publisherOrigin,
  type EnvelopeOption,
  type KafkaDriver,
  type Route,
} from '@outboxkit/kafka'
import { kafkajs, type KafkajsOptions } from '@outboxkit/kafka/kafkajs'
import type { Publisher } from '@outboxkit/relay'
import type { Layer } from './layer.js'
import type { Problem } from './problems.js'
import type { KafkaSettings } from './resolved.js'
import { defined, valueOf, whereOf } from './values.js'

type DriverName = 'kafkajs' | 'platformatic' | 'confluent'
type CreateDriver = (options: KafkajsOptions) => KafkaDriver
type OnWarning = ((message: string) => void) | undefined

/** A publisher that is made of settings. `undefined`: no brokers are given. */
export interface KafkaParts {
  readonly settings: KafkaSettings
  createPublisher(onWarning: OnWarning): Publisher
}

export async function kafkaOf(
  layer: Layer,
  at: string,
  problems: Problem[],
): Promise<KafkaParts | undefined> {
  const brokers = valueOf<readonly string[]>(layer, 'kafka.brokers')
  const client = { ...clientOf(layer, at, problems), brokers: [...(brokers ?? [])] }
  const topics = topicsOf(layer, at, problems)
  if (brokers === undefined) return undefined
  const createDriver = await loadDriver(valueOf<DriverName>(layer, 'kafka.driver') ?? 'kafkajs')
  const options = defined({
    envelope: envelopeOf(layer, at, problems),
    topic: valueOf<string>(layer, 'kafka.topic'),
    route: valueOf<Route>(layer, 'kafka.route'),
    createTopics: topics,
    publishTimeoutMs: valueOf<number>(layer, 'kafka.publishTimeoutMs'),
    maxRequestBytes: valueOf<number>(layer, 'kafka.maxRequestBytes'),
  })
  const createPublisher = (driver: KafkaDriver, onWarning?: OnWarning): Publisher =>
    kafkaPublisher({
      ...options,
      driver,
      ...(onWarning === undefined ? {} : { onWarning: ({ message }) => onWarning(message) }),
    })
  return {
    // The topics are the same with every driver, and this one needs nothing that may not be installed.
    settings: settingsOf(client, () => createPublisher(kafkajs(client))),
    createPublisher: (onWarning) => createPublisher(createDriver(client), onWarning),
  }
}

/** What is known of a publisher that the configuration file has made. `undefined`: it is not for Kafka. */
export function kafkaOfPublisher(publisher: Publisher): KafkaSettings | undefined {
  const origin = publisherOrigin(publisher)
  return origin?.client === undefined ? undefined : settingsOf(origin.client, () => publisher)
}

function settingsOf(client: Readonly<Record<string, unknown>>, publisher: () => Publisher): KafkaSettings {
  const { brokers } = client
  let made: Publisher | undefined
  const probe = () => (made ??= publisher())
  return {
    brokers: Array.isArray(brokers) ? (brokers as readonly string[]) : [],
    client,
    topicOf: (event) => probe().topicOf(event),
    get topicTemplate() {
      return publisherOrigin(probe())?.topicTemplate ?? ''
    },
    get maxRequestBytes() {
      return publisherOrigin(probe())?.maxRequestBytes ?? 0
    },
    get createsTopics() {
      return publisherOrigin(probe())?.createTopics !== undefined
    },
  }
}

async function loadDriver(name: DriverName): Promise<CreateDriver> {
  // kafkajs' options are those that all three have.
  if (name === 'platformatic')
    return (await import('@outboxkit/kafka/platformatic')).platformatic as unknown as CreateDriver
  if (name === 'confluent')
    return (await import('@outboxkit/kafka/confluent')).confluent as unknown as CreateDriver
  return kafkajs
}

function clientOf(layer: Layer, at: string, problems: Problem[]): Omit<KafkajsOptions, 'brokers'> {
  const text = (key: string) => valueOf<string>(layer, `kafka.${key}`)
  const sasl = defined({
    mechanism: text('sasl.mechanism'),
    username: text('sasl.username'),
    password: text('sasl.password'),
  })
  const names = ['mechanism', 'username', 'password'] as const
  if (Object.keys(sasl).length > 0)
    for (const name of names)
      if (sasl[name] === undefined)
        problems.push({ where: whereOf(layer, `kafka.sasl.${name}`, at), message: 'is needed as well.' })
  return defined({
    clientId: text('clientId'),
    connectionTimeout: valueOf<number>(layer, 'kafka.connectionTimeoutMs'),
    ssl: sslOf(layer),
    sasl: Object.keys(sasl).length === 0 ? undefined : sasl,
  }) as Omit<KafkajsOptions, 'brokers'>
}

/** `false` switches TLS off, whatever else is said of it. */
function sslOf(layer: Layer): boolean | object | undefined {
  const isOn = valueOf<boolean>(layer, 'kafka.ssl')
  const options = defined({
    ca: valueOf<string>(layer, 'kafka.ssl.ca'),
    cert: valueOf<string>(layer, 'kafka.ssl.cert'),
    key: valueOf<string>(layer, 'kafka.ssl.key'),
    passphrase: valueOf<string>(layer, 'kafka.ssl.passphrase'),
    rejectUnauthorized: valueOf<boolean>(layer, 'kafka.ssl.rejectUnauthorized'),
    servername: valueOf<string>(layer, 'kafka.ssl.servername'),
  })
  return isOn === false || Object.keys(options).length === 0 ? isOn : options
}

function topicsOf(
  layer: Layer,
  at: string,
  problems: Problem[],
): { readonly partitions: number; readonly replicationFactor: number } | undefined {
  const partitions = valueOf<number>(layer, 'kafka.createTopics.partitions')
  const replicationFactor = valueOf<number>(layer, 'kafka.createTopics.replicationFactor')
  if (partitions !== undefined && replicationFactor !== undefined) return { partitions, replicationFactor }
  if (partitions !== undefined || replicationFactor !== undefined)
    problems.push({
      where: whereOf(
        layer,
        `kafka.createTopics.${partitions === undefined ? 'partitions' : 'replicationFactor'}`,
        at,
      ),
      message: 'is needed as well.',
    })
  return undefined
}

function envelopeOf(layer: Layer, at: string, problems: Problem[]): EnvelopeOption | undefined {
  const envelope = valueOf<EnvelopeOption>(layer, 'kafka.envelope')
  const source = valueOf<string>(layer, 'kafka.cloudEventsSource')
  if (source === undefined) return envelope
  const isOurs = envelope === undefined || envelope === 'cloudevents' || envelope === 'cloudevents-structured'
  const where = whereOf(layer, 'kafka.cloudEventsSource', at)
  if (!isOurs)
    problems.push({ where, message: 'is for the envelopes cloudevents and cloudevents-structured only.' })
  else if (!/^[\x21-\x7e]+$/.test(source))
    problems.push({ where, message: 'must be a URI reference, e.g. /shop.' })
  else return cloudEvents({ source, mode: envelope === 'cloudevents-structured' ? 'structured' : 'binary' })
  return undefined
}
