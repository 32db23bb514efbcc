import { Kafka, logLevel } from 'kafkajs'
import type { Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startKafkaBehindProxies } from '../../services/kafka-behind-proxies.js'
import type { KafkaBehindProxies } from '../../services/kafka-behind-proxies.js'
import { runJava, startKafka } from '../../services/kafka.js'
import { createTopic, readTopic, uniqueTopic, withAdmin } from '../../services/test-context.js'

const PRODUCE = 0
let cluster: KafkaBehindProxies
const producers = new Set<Producer>()

beforeAll(async () => {
  cluster = await startKafkaBehindProxies({ brokers: 3 })
})
afterAll(() => cluster.stop())
afterEach(async () => {
  for (const producer of producers) await producer.disconnect()
  producers.clear()
})

async function producer(requestTimeout = 5_000): Promise<Producer> {
  const brokers = cluster.bootstrap.split(',')
  const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 30 }
  const kafka = new Kafka({ brokers, retry, requestTimeout, logLevel: logLevel.NOTHING })
  const made = kafka.producer()
  producers.add(made)
  await made.connect()
  return made
}

const leaderOf = (topic: string): Promise<number> =>
  withAdmin(cluster.kafka.bootstrap, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return (topics[0]?.partitions[0]?.leader ?? 0) - 1
  })

const valuesIn = async (topic: string): Promise<string[]> =>
  (await readTopic(cluster.kafka.bootstrap, topic)).map(({ value }) => String(value))

test('proxy: clients stay on it, and a lost answer makes them send again', async () => {
  const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic())
  const proxy = cluster.proxies[await leaderOf(topic)]
  const sender = await producer(500)
  const lost = proxy?.dropResponse({ apiKey: PRODUCE })
  await sender.send({ topic, messages: [{ value: 'one' }] })
  expect(lost?.hits).toBe(1)
  expect(await valuesIn(topic)).toEqual(['one', 'one'])
})

test('proxy: cuts before the broker gets a request, or after it has answered', async () => {
  const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic())
  const proxy = cluster.proxies[await leaderOf(topic)]
  const sender = await producer()
  const before = proxy?.cutOn({ apiKey: PRODUCE, when: 'request' })
  await sender.send({ topic, messages: [{ value: 'once' }] })
  const after = proxy?.cutOn({ apiKey: PRODUCE, when: 'response' })
  await sender.send({ topic, messages: [{ value: 'twice' }] })
  expect([before?.hits, after?.hits]).toEqual([1, 1])
  expect(await valuesIn(topic)).toEqual(['once', 'twice', 'twice'])
})

test('proxy: delays an answer and names the requests that pass', async () => {
  const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic())
  const proxy = cluster.proxies[await leaderOf(topic)]
  const sender = await producer()
  const seen: number[] = []
  const ended = proxy?.onRequest(({ apiKey }) => seen.push(apiKey))
  proxy?.delayResponse({ apiKey: PRODUCE, ms: 300 })
  const started = Date.now()
  await sender.send({ topic, messages: [{ value: 'late' }] })
  expect(Date.now() - started).toBeGreaterThan(290)
  expect(seen).toContain(PRODUCE)
  ended?.()
})

test('three brokers survive the leader, which comes back', async () => {
  const topic = await createTopic(cluster.kafka.bootstrap, uniqueTopic())
  const leader = await leaderOf(topic)
  const sender = await producer()
  await sender.send({ topic, acks: -1, messages: [{ value: 'before' }] })
  await cluster.kafka.kill(leader)
  await sender.send({ topic, acks: -1, messages: [{ value: 'after' }] })
  expect(await leaderOf(topic)).not.toBe(leader)
  await cluster.kafka.restart(leader)
  expect(await valuesIn(topic)).toEqual(['before', 'after'])
})

test('a listener with SASL lets in who has the password', async () => {
  const kafka = await startKafka({ sasl: { alice: 'secret' } })
  const connect = async (password: string): Promise<number> => {
    const sasl = { mechanism: 'plain', username: 'alice', password } as const
    const client = new Kafka({
      brokers: [...kafka.sasl],
      sasl,
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    })
    const admin = client.admin()
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    await admin.disconnect()
    return brokers.length
  }
  expect(await connect('secret')).toBe(1)
  await expect(connect('wrong')).rejects.toThrow('SASL')
  await kafka.stop()
})

test('runs a small Java program against the Java client', async () => {
  const source = `import org.apache.kafka.common.utils.Utils;
    public class Murmur {
      public static void main(String[] args) throws Exception {
        System.out.print(args[0] + Utils.murmur2(System.in.readAllBytes()));
      }
    }`
  expect(await runJava(source, 'Murmur', ['='], '21')).toBe('=-973932308')
})

test('one broker that stops keeps its log', async () => {
  const kafka = await startKafka()
  const topic = await createTopic(kafka.bootstrap, uniqueTopic())
  const sender = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING }).producer()
  await sender.connect()
  await sender.send({ topic, messages: [{ value: 'kept' }] })
  await sender.disconnect()
  await kafka.kill(0)
  await kafka.restart(0)
  expect(await readTopic(kafka.bootstrap, topic)).toHaveLength(1)
  await kafka.stop()
})
