import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { postgresSource } from '@outboxkit/relay/postgres'
import { defineConfig, type Config } from 'outboxkit'

export const one: Config =
  // #region one
  defineConfig({
    database: { url: process.env['DATABASE_URL'] },
    table: { name: 'outbox', schema: 'app' },
    kafka: {
      brokers: ['broker-1:9093', 'broker-2:9093'],
      ssl: { caFile: 'ca.pem' },
      sasl: { mechanism: 'scram-sha-512', username: 'relay', passwordFile: '/run/secrets/kafka' },
      topic: 'shop.{aggregateType}',
    },
    http: { port: 8080 },
  })
// #endregion one

export const several: Config =
  // #region several
  defineConfig({
    kafka: { brokers: ['broker-1:9092'] },
    lease: { termMs: 20_000 },
    outboxes: {
      orders: { database: { url: process.env['ORDERS_URL'] ?? 'postgres://localhost/orders' } },
      billing: {
        database: { url: process.env['BILLING_URL'] ?? 'mysql://localhost/billing' },
        kafka: { topic: 'billing.{type}' },
      },
    },
  })
// #endregion several

export const readyMade: Config =
  // #region ready-made
  defineConfig({
    source: postgresSource({ url: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop' }),
    publisher: kafkaPublisher({
      driver: kafkajs({ brokers: ['broker-1:9092'] }),
      route: (event) => (event.type.startsWith('audit.') ? 'audit' : undefined),
    }),
    onPoison: 'halt',
  })
// #endregion ready-made
