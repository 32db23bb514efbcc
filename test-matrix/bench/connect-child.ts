// A process that connects to the database and to Kafka and writes one message: what a start costs without a relay.
import { childConfig, listen, monotonicMs, say } from './child-side.js'
import type { DatabaseName, DriverName } from './options.js'
import { openProducer } from './producers.js'
import { openWriter } from './writer.js'

export interface ConnectConfig {
  readonly database: DatabaseName
  readonly url: string
  readonly driver: DriverName
  readonly brokers: readonly string[]
  readonly topic: string
}

export interface ConnectLine {
  readonly state: 'connected'
  readonly at: number
}

const config = childConfig<ConnectConfig>()
const [writer, producer] = await Promise.all([
  openWriter(config.database, config.url),
  openProducer(config.driver, config.brokers),
])
// Only then the client knows the topic's leader.
await producer.send(config.topic, [{ key: null, value: 'hello', headers: [], partition: 0 }])
const line: ConnectLine = { state: 'connected', at: monotonicMs() }
say(line)
listen(() => void Promise.all([writer.end(), producer.close()]).then(() => process.stdin.destroy()))
