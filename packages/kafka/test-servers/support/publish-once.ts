import type { Kafka } from 'kafkajs'
import { kafkaPublisher } from '../../src/index.js'
import { kafkajs, type KafkajsOptions } from '../../src/kafkajs/index.js'
import { storedEvent } from '../../test/event.js'

// A program of its own: publish-once BROKERS TOPIC [negative | silent | existing | warned]
const [, , brokers = '', topic = '', mode] = process.argv
const publisher = kafkaPublisher({ driver: kafkajs(await connection()), onWarning: () => {} })
await publisher.open?.()
const events = [storedEvent(1, { topic }), storedEvent(2, { topic })]
const outcomes = await publisher.publish(events, { signal: new AbortController().signal })
if (mode === 'silent') {
  // The test makes the network silent and says so; an answer is outstanding when the publisher is closed.
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  process.stdin.destroy()
  void publisher.publish(events, { signal: new AbortController().signal })
  await new Promise((resolve) => setTimeout(resolve, 200))
}
await publisher.close()
if (mode === 'negative') setTimeout(() => {}, -5)
process.stdout.write(`${outcomes.map(({ status }) => status).join(' ')}\n`)

/** `existing`: the application's own client, which logs to the console. `warned`: and makes it warn itself. */
async function connection(): Promise<KafkajsOptions | Kafka> {
  const options = { brokers: brokers.split(',') }
  if (mode !== 'existing' && mode !== 'warned') return options
  const module = await import('kafkajs')
  const kafka = new module.Kafka(options)
  if (mode === 'warned') kafka.producer()
  return kafka
}
