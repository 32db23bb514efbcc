import { Kafka, logLevel } from 'kafkajs'
import { expect, inject, test } from 'vitest'
import { createTopic, freshSchema, readTopic, uniqueTopic } from '../../services/test-context.js'

const brokers = inject('kafkaBrokers')
const kafka = new Kafka({
  brokers: brokers.split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50 },
})

test('each schema is its own, and gone afterwards', async () => {
  const [one, two] = await Promise.all([
    freshSchema(inject('postgresUrl')),
    freshSchema(inject('postgresUrl')),
  ])
  await one.query('create table t as select 1 as a')
  await expect(two.query('select * from t')).rejects.toThrow('does not exist')
  expect(await one.query('select * from t')).toEqual([{ a: 1 }])
  await one.drop()
  expect(await two.query(`select 1 from pg_namespace where nspname = $1`, [one.schema])).toEqual([])
  await two.drop()
})

test('reads back keys, values, headers and partitions byte for byte', async () => {
  const topic = await createTopic(brokers, uniqueTopic(), { partitions: 3 })
  const producer = kafka.producer()
  await producer.connect()
  const binary = Buffer.from([0, 255, 128, 10])
  await producer.send({
    topic,
    messages: [
      { partition: 0, key: 'k', value: binary, headers: { a: ['1', '2'], b: 'ü' } },
      { partition: 0, key: 'k', value: null },
      { partition: 2, value: 'x'.repeat(300_000), timestamp: '1700000000123' },
    ],
  })
  await producer.disconnect()
  const records = await readTopic(brokers, topic)
  expect(records.map(({ partition, offset }) => [partition, offset])).toEqual([
    [0, 0n],
    [0, 1n],
    [2, 0n],
  ])
  expect(records[0]?.key).toEqual(Buffer.from('k'))
  expect(records[0]?.value).toEqual(binary)
  expect(records[0]?.headers).toEqual([
    ['a', Buffer.from('1')],
    ['a', Buffer.from('2')],
    ['b', Buffer.from('ü')],
  ])
  expect(records[1]?.value).toBeNull()
  expect(records[2]?.key).toBeNull()
  expect(records[2]?.value?.length).toBe(300_000)
  expect(records[2]?.timestamp).toBe(1_700_000_000_123)
})

test('a count waits for records that are yet to come', async () => {
  const topic = await createTopic(brokers, uniqueTopic())
  expect(await readTopic(brokers, topic)).toEqual([])
  const reading = readTopic(brokers, topic, { count: 2 })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, compression: 1, messages: [{ value: 'one' }, { value: 'two' }] })
  await producer.disconnect()
  expect((await reading).map(({ value }) => String(value))).toEqual(['one', 'two'])
  expect(await readTopic(brokers, topic, { count: 3, timeoutMs: 200 })).toHaveLength(2)
})

test('leaves out aborted transactions on request', async () => {
  const topic = await createTopic(brokers, uniqueTopic())
  const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  for (const [value, end] of [
    ['kept', 'commit'],
    ['dropped', 'abort'],
    ['kept too', 'commit'],
  ] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value }] })
    await transaction[end]()
  }
  await producer.disconnect()
  const values = async (committed: boolean): Promise<string[]> =>
    (await readTopic(brokers, topic, { committed })).map(({ value }) => String(value))
  expect(await values(true)).toEqual(['kept', 'kept too'])
  expect(await values(false)).toEqual(['kept', 'dropped', 'kept too'])
})
