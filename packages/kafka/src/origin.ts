import type { Publisher } from '@outboxkit/relay'
import type { KafkaDriver, TopicShape } from './driver.js'

/** How a publisher reaches Kafka: for whoever only looks at the cluster. Holds secrets. */
export interface PublisherOrigin {
  readonly driver: string
  /** In the words of kafkajs (`brokers`, `ssl`, `sasl` …); `undefined` when an existing client was given. */
  readonly client: Readonly<Record<string, unknown>> | undefined
  readonly topicTemplate: string
  readonly maxRequestBytes: number
  /** Missing topics are created like this. */
  readonly createTopics: TopicShape | undefined
}

// A configuration file may load another copy of this package than the program that reads it.
const driverMark = Symbol.for('outboxkit.kafka-driver-origin')
const publisherMark = Symbol.for('outboxkit.publisher-origin')

/** `client`: the options of the driver. Behind a function: whoever prints a driver does not print its password. */
export function withClient<D extends KafkaDriver>(driver: D, client: object): D {
  return Object.defineProperty(driver, driverMark, { value: () => client })
}

export function withOrigin<P extends Publisher>(
  publisher: P,
  { driver, ...rest }: Omit<PublisherOrigin, 'driver' | 'client'> & { readonly driver: KafkaDriver },
): P {
  const client = (driver as { [driverMark]?: () => Readonly<Record<string, unknown>> })[driverMark]?.()
  const origin: PublisherOrigin = { ...rest, driver: driver.name, client }
  return Object.defineProperty(publisher, publisherMark, { value: () => origin })
}

/** Where a publisher of `kafkaPublisher()` sends; `undefined` for any other publisher. */
export function publisherOrigin(publisher: Publisher): PublisherOrigin | undefined {
  return (publisher as { [publisherMark]?: () => PublisherOrigin })[publisherMark]?.()
}
