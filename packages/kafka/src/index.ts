export type {
  BatchOutcome,
  DriverRecord,
  KafkaDriver,
  PartitionBatch,
  TopicCreation,
  TopicDescription,
  TopicLookup,
  TopicShape,
} from './driver.js'
export { errorTable, isTopicError, verdictOf, type ErrorVerdict } from './errors.js'
export { murmur2, partitionOf } from './murmur2.js'
export type { EnvelopeOption, KafkaPublisherOptions } from './options.js'
export { publisherOrigin, type PublisherOrigin } from './origin.js'
export { kafkaPublisher } from './publisher.js'
export type { Route } from './routing.js'
export type { KafkaWarning } from './topics.js'
