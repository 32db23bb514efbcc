import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import {
  createTopic,
  freshSchema,
  uniqueTopic,
  type FreshSchema,
} from '../../../test-matrix/services/test-context.js'
import { diagnose, type KafkaSettings } from '../src/index.js'
import { createTables, one, outboxOf, texts } from './doctor-support.js'

const brokers = inject('kafkaBrokers').split(',')
let tables: FreshSchema
beforeAll(async () => {
  tables = await freshSchema(inject('postgresUrl'), 'doctor')
  await createTables('postgres', (statement) => tables.query(statement))
})
afterAll(() => tables.drop())

function kafka(topicTemplate: string, client: Readonly<Record<string, unknown>> = {}): KafkaSettings {
  const list = (client['brokers'] as string[] | undefined) ?? brokers
  return {
    brokers: list,
    client: { brokers: list, ...client },
    topicTemplate,
    topicOf: (event) => event.topic ?? topicTemplate.replace('{aggregateType}', event.aggregateType),
    maxRequestBytes: 1_048_576,
  }
}

const about = /brokers|topic|kafka|replication-factor|min-insync|unclean|message-size|cleanup|retention/
const found = async (settings: KafkaSettings, maxPayloadBytes?: number): Promise<string[]> => {
  const { url } = tables
  const outbox = outboxOf({
    url,
    kafka: settings,
    ...(maxPayloadBytes === undefined ? {} : { maxPayloadBytes }),
  })
  const findings = await diagnose(outbox)
  return texts(findings.filter(({ check }) => about.test(check)))
}

describe('topics', () => {
  it('as they should be but for the one broker of the tests', async () => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic(), { partitions: 3 })
    const all = (await found(kafka(topic))).filter((text) => !text.startsWith('info topic-creation'))
    expect(all).toEqual([expect.stringContaining('warning replication-factor')])
  })

  it.each([
    ['cleanup.policy', 'compact', 'warning cleanup-policy'],
    ['retention.ms', '3600000', 'warning retention'],
    ['max.message.bytes', '500000', 'warning message-size'],
    ['unclean.leader.election.enable', 'true', 'warning unclean-leader-election'],
    ['min.insync.replicas', '2', 'fatal topic-leaders'],
  ])('%s = %s', async (name, value, start) => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic(), { config: { [name]: value } })
    const all = await found(kafka(topic))
    expect(all).toEqual(one(`${start}:`, topic))
    expect(all).toEqual(one('info topic-partitions:', topic))
  })

  it('that emit() lets larger events pass than they take', async () => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic())
    expect(await found(kafka(topic), 5_000_000)).toEqual(
      one('warning message-size:', 'payloads of 5.0 MB', topic),
    )
  })

  it('of events that wait, and of a template, when they are missing', async () => {
    const missing = uniqueTopic('missing')
    expect(await found(kafka(missing))).toEqual(one('fatal topics:', `'${missing}' does not exist`))
    await tables.query(
      `insert into outbox (id, aggregatetype, type, payload, topic) values (gen_random_uuid(), 'order', 'order.placed', '{}', null),
      (gen_random_uuid(), 'invoice', 'invoice.paid', '{}', 'own.topic')`,
    )
    await tables.query(
      `insert into outbox_held (position, id, aggregatetype, type, scope_kind, scope, code, reason)
      values (0, gen_random_uuid(), 'order', 'order.placed', 'topic', 'held.topic', 'OUTBOX_PUBLISH_RETRY', 'unknown topic')`,
    )
    try {
      const all = await found(kafka(`${missing}.{aggregateType}`))
      for (const topic of [`${missing}.order`, 'own.topic', 'held.topic'])
        expect(all).toEqual(one('fatal topics:', `'${topic}' does not exist`))
      await sleep(300)
      // looking must not create them
      expect(await found(kafka(missing))).toEqual(one('fatal topics:', `'${missing}' does not exist`))
    } finally {
      await tables.query('delete from outbox')
      await tables.query('delete from outbox_held')
    }
  })
})

describe('brokers', () => {
  it('of which one is down', async () => {
    const all = await found(kafka('{aggregateType}', { brokers: [...brokers, '127.0.0.1:1'] }))
    expect(all).toEqual(one('warning brokers:', '127.0.0.1:1 does not answer'))
  })

  it('of which all are down', async () => {
    const all = await found(kafka('{aggregateType}', { brokers: ['127.0.0.1:1'] }))
    expect(all).toEqual(one('fatal brokers:', '127.0.0.1:1 does not answer'))
  })

  it('that want no login, or no TLS: fatal, and without the password', async () => {
    const sasl = { mechanism: 'plain', username: 'me', password: 's3cret-pass' }
    const all = await found(kafka('{aggregateType}', { sasl }))
    expect(all).toEqual(one('fatal brokers:'))
    expect(all.join()).not.toContain('s3cret')
    expect(await found(kafka('{aggregateType}', { ssl: true }))).toEqual(one('fatal brokers:'))
  })
})
