import {
  cloudEvents,
  customEnvelope,
  debezium,
  OutboxError,
  processWarning,
  rejectUnknownKeys,
  type Envelope,
  type EnvelopeFunction,
} from '@outboxkit/core'
import type { KafkaDriver, TopicShape } from './driver.js'
import type { Route } from './routing.js'
import type { KafkaWarning } from './topics.js'

export type EnvelopeOption =
  | 'cloudevents'
  | 'cloudevents-structured'
  | 'debezium'
  | Envelope
  | EnvelopeFunction

export interface KafkaPublisherOptions {
  /** The Kafka client: `kafkajs({ brokers })` of `@outboxkit/kafka/kafkajs`. */
  readonly driver: KafkaDriver
  /**
   * How an event becomes a message. Default `cloudevents`. With options: `cloudEvents({ source })` or
   * `debezium({ additional })` of `@outboxkit/core`; or a function of one's own.
   */
  readonly envelope?: EnvelopeOption
  /** The topic of an event that names none; `{aggregateType}` and `{type}` may stand in it. Default `outbox.event.{aggregateType}`. */
  readonly topic?: string
  /** Goes before the template; `undefined` leaves the event to it. If it throws, the event is rejected. */
  readonly route?: Route
  /** How long the cluster may take to acknowledge a batch, in milliseconds. Default 30000. */
  readonly publishTimeoutMs?: number
  /** Most bytes of a batch that carries more than one event; the topic's own limit applies as well. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** Creates missing topics like this. Default: a missing topic is an error, at start or by holding its events. */
  readonly createTopics?: TopicShape
  /** Default: a process warning (`OUTBOX_TOPIC`). */
  readonly onWarning?: (warning: KafkaWarning) => void
}

export interface ResolvedOptions {
  readonly driver: KafkaDriver
  readonly envelope: Envelope
  readonly topic: string | undefined
  readonly route: Route | undefined
  readonly publishTimeoutMs: number
  readonly maxRequestBytes: number
  readonly createTopics: TopicShape | undefined
  readonly onWarning: (warning: KafkaWarning) => void
}

const known = [
  'driver',
  'envelope',
  'topic',
  'route',
  'publishTimeoutMs',
  'maxRequestBytes',
  'createTopics',
  'onWarning',
]

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID`. */
export function resolveOptions(options: KafkaPublisherOptions): ResolvedOptions {
  if ('acks' in options)
    invalid('acks is not an option: every event waits for all in-sync replicas (acks=all)')
  rejectUnknownKeys(options, known, 'kafkaPublisher()')
  const { driver, publishTimeoutMs = 30_000, maxRequestBytes = 1_048_576, createTopics, route } = options
  if (typeof driver?.send !== 'function')
    invalid('driver must be a Kafka driver, e.g. kafkajs({ brokers }) of @outboxkit/kafka/kafkajs')
  if (route !== undefined && typeof route !== 'function') invalid('route must be a function')
  positive('publishTimeoutMs', publishTimeoutMs)
  positive('maxRequestBytes', maxRequestBytes)
  if (createTopics !== undefined) {
    rejectUnknownKeys(createTopics, ['partitions', 'replicationFactor'], 'kafkaPublisher({ createTopics })')
    positive('createTopics.partitions', createTopics.partitions)
    positive('createTopics.replicationFactor', createTopics.replicationFactor)
  }
  return {
    driver,
    envelope: envelopeOf(options.envelope ?? 'cloudevents'),
    topic: options.topic,
    route,
    publishTimeoutMs,
    maxRequestBytes,
    createTopics,
    onWarning: options.onWarning ?? (({ message }) => processWarning('OUTBOX_TOPIC', message)),
  }
}

function envelopeOf(option: EnvelopeOption): Envelope {
  if (typeof option === 'function') return customEnvelope(option)
  if (typeof option === 'object' && typeof option?.toMessage === 'function') return option
  if (option === 'cloudevents') return cloudEvents()
  if (option === 'cloudevents-structured') return cloudEvents({ mode: 'structured' })
  if (option === 'debezium') return debezium()
  return invalid(
    "envelope must be 'cloudevents', 'cloudevents-structured', 'debezium', an envelope or a function",
  )
}

function positive(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > 0x7fffffff)
    invalid(`${name} must be a positive integer, got ${JSON.stringify(value)}`)
}

function invalid(problem: string): never {
  throw new OutboxError('OUTBOX_OPTION_INVALID', `kafkaPublisher(): ${problem}.`)
}
