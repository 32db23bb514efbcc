import { describe, expectTypeOf, it } from 'vitest'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { postgresSource } from '@outboxkit/relay/postgres'
import { defineConfig, type Config } from 'outboxkit'

describe('defineConfig', () => {
  it('takes what is right', () => {
    defineConfig({
      database: { url: process.env['DATABASE_URL'] },
      table: { name: 'outbox', payload: 'json' },
      kafka: {
        brokers: ['localhost:9092'],
        envelope: 'debezium',
        ssl: true,
        createTopics: { partitions: 3, replicationFactor: 1 },
      },
      lease: { termMs: 15_000 },
      migrations: { tool: 'knex', with: ['inbox'] },
      outboxes: { a: { database: { url: 'x' } } },
    })
    defineConfig({
      source: postgresSource({ url: process.env['DATABASE_URL'] }),
      publisher: kafkaPublisher({ driver: kafkajs({ brokers: [] }) }),
    })
    defineConfig({
      kafka: {
        ssl: { caFile: 'ca.pem' },
        envelope: (event) => ({ key: event.id, value: event.payload, headers: [] }),
      },
    })
    expectTypeOf<Config['onPoison']>().toEqualTypeOf<'park-key' | 'skip' | 'halt' | undefined>()
  })

  it('refuses what is not', () => {
    expectTypeOf(defineConfig).parameter(0).toEqualTypeOf<Config>()
    // @ts-expect-error an unknown key
    defineConfig({ databse: { url: 'x' } })
    // @ts-expect-error an unknown key inside
    defineConfig({ kafka: { broker: ['x'] } })
    // @ts-expect-error a value that is none of the choices
    defineConfig({ onPoison: 'explode' })
    // @ts-expect-error text in the place of a number
    defineConfig({ lease: { termMs: '15s' } })
    // @ts-expect-error one broker in the place of a list
    defineConfig({ kafka: { brokers: 'localhost:9092' } })
    // @ts-expect-error a driver in the place of a publisher
    defineConfig({ publisher: kafkajs({ brokers: [] }) })
    // @ts-expect-error what is the same for all outboxes
    defineConfig({ outboxes: { a: { log: { level: 'info' } } } })
    // @ts-expect-error a part that there is not
    defineConfig({ migrations: { with: ['outbox'] } })
  })
})
