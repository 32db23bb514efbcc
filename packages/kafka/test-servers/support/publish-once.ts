import { kafkaPublisher } from '../../src/index.js'
import { kafkajs } from '../../src/kafkajs/index.js'
import { storedEvent } from '../../test/event.js'

// A program of its own: publish-once BROKERS TOPIC [negative | silent]
const [, , brokers = '', topic = '', mode] = process.argv
const publisher = kafkaPublisher({ driver: kafkajs({ brokers: brokers.split(',') }), onWarning: () => {} })
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
