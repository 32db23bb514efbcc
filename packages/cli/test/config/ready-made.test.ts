import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { configOf, problemsOf, url } from '../support/config.js'

const sasl = { mechanism: 'plain', username: 'u', password: 'geheim' } as const
const publisher = () =>
  kafkaPublisher({
    driver: kafkajs({ brokers: ['k:9092'], sasl }),
    topic: 'shop.{type}',
    maxRequestBytes: 4_096,
  })
const event = {
  position: 1,
  id: '0198f5d2-0000-7000-8000-000000000001',
  aggregateType: 'order',
  aggregateId: '1',
  type: 'order.placed',
  payload: '{}',
  headers: null,
  topic: null,
  createdAt: '2026-01-01T00:00:00.000Z',
}

describe('a source and a publisher that the file makes itself', () => {
  it('are the ones that are used, and operations know where they lead', async () => {
    const source = postgresSource({ url, table: { name: 'events', schema: 'app' } })
    const made = publisher()
    const { outboxes, values } = await configOf({ source, publisher: made })
    const [outbox] = outboxes
    expect(outbox).toMatchObject({
      database: { dialect: 'postgres', url },
      table: { name: 'events', schema: 'app' },
      kafka: { brokers: ['k:9092'], client: { sasl }, topicTemplate: 'shop.{type}', maxRequestBytes: 4_096 },
    })
    expect(outbox?.kafka?.topicOf(event)).toBe('shop.order.placed')
    expect(outbox?.createSource()).toBe(source)
    expect(outbox?.createPublisher()).toBe(made)
    const shown = values
      .filter(({ key }) => key === 'source' || key === 'publisher')
      .map(({ value }) => value)
    expect(shown).toEqual([
      '(made in the file: postgres "app"."events")',
      '(made in the file: kafka (kafkajs, cloudevents))',
    ])
    expect(inspect(made, { depth: 9, showHidden: false })).not.toContain('geheim')
  })

  it('lead to the same database by an object or a pool', async () => {
    const config = { host: 'h', port: 5433, user: 'u', password: 'geheim', database: 'd' }
    const pgPool = new pg.Pool(config)
    const mysqlPool = createPool({ ...config, port: 3307 })
    const callbackPool = mysqlPool.pool
    const databases = await Promise.all(
      [
        postgresSource({ config }),
        postgresSource({ pool: pgPool }),
        mysqlSource({ config: { ...config, port: 3307 } }),
        mysqlSource({ pool: mysqlPool }),
        mysqlSource({ pool: callbackPool }),
      ].map(async (source) => (await configOf({ source })).outboxes[0]?.database),
    )
    for (const [index, database] of databases.entries())
      expect(database).toMatchObject({
        dialect: index < 2 ? 'postgres' : 'mysql',
        url: undefined,
        config: { ...config, port: index < 2 ? 5433 : 3307 },
      })
    await Promise.all([pgPool.end(), mysqlPool.end()])
  })

  it('cannot be changed beside them: in the file an error, in the environment a warning', async () => {
    const source = postgresSource({ url })
    expect(
      await problemsOf({
        source,
        table: { name: 'a' },
        cleanup: 'archive',
        publisher: publisher(),
        kafka: { topic: 'x' },
      }),
    ).toEqual([
      'table.name: stands beside `source`, which has it as an option of its own. Give one of them.',
      'kafka.topic: stands beside `publisher`, which has it as an option of its own. Give one of them.',
      'cleanup: stands beside `source`, which has it as an option of its own. Give one of them.',
    ])
    const { warnings, outboxes } = await configOf(
      { source, publisher: publisher() },
      {
        // The file has read this one itself.
        OUTBOXKIT_DATABASE_URL: url,
        OUTBOXKIT_TABLE_NAME: 'other',
        OUTBOXKIT_KAFKA_BROKERS: 'other:1',
        OUTBOXKIT_LEASE_TERM_MS: '60000',
      },
    )
    expect(warnings).toEqual([
      'OUTBOXKIT_TABLE_NAME has no effect: the configuration file makes the source itself.',
      'OUTBOXKIT_KAFKA_BROKERS has no effect: the configuration file makes the publisher itself.',
    ])
    expect(outboxes[0]).toMatchObject({ table: { name: 'outbox' }, relay: { lease: { termMs: 60_000 } } })
  })

  it('may be anybody’s: then the database says where to look', async () => {
    const source = { read: () => undefined }
    const { outboxes } = await configOf({ source, database: { url }, table: { name: 't' } })
    expect(outboxes[0]).toMatchObject({ database: { url }, table: { name: 't' } })
    expect(await problemsOf({ source })).toEqual([expect.stringContaining('There is no database')])
  })

  it('without Kafka, what publishes says what is missing', async () => {
    const { outboxes } = await configOf({ database: { url } })
    expect(outboxes[0]?.kafka).toBeUndefined()
    expect(() => outboxes[0]?.createPublisher()).toThrow(/OUTBOXKIT_KAFKA_BROKERS/)
    expect(await problemsOf({ source: { reed() {} }, publisher: 'kafka' })).toEqual([
      'source: must be a source, e.g. postgresSource({ url }).',
      'publisher: must be a publisher, e.g. kafkaPublisher({ driver }).',
    ])
  })
})
