import { containersWanted } from './docker.js'
import { startKafkaContainers } from './kafka-docker.js'
import { fetchKafka, startLocalKafka } from './kafka-local.js'
import type { KafkaOptions, KafkaServer } from './server.js'

export { javaClasspath, runJava } from './java.js'
export { kafkaVersion } from './kafka-files.js'
export { fetchKafka }

/** Apache Kafka of its own with one or three brokers, on free ports, ready for clients. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  return (await containersWanted()) ? startKafkaContainers(options) : startLocalKafka(options)
}
