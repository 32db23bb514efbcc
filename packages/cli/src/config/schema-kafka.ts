import { z } from 'zod'
import type { Envelope, EnvelopeFunction } from '@outboxkit/core'
import type { Route } from '@outboxkit/kafka'
import {
  about,
  bytes,
  choice,
  code,
  count,
  flag,
  group,
  list,
  milliseconds,
  quoted,
  text,
  withFile,
} from './about.js'
import { has, isFunction } from './shape.js'

const ssl = z.union(
  [
    z.boolean(),
    group({
      ...withFile('ca', text('Certificates to trust, PEM.')),
      ...withFile('cert', text("The client's certificate, PEM.")),
      ...withFile('key', text("The client's key, PEM.", { secret: true })),
      ...withFile('passphrase', text("Passphrase of the client's key.", { secret: true })),
      rejectUnauthorized: flag('`false`: whoever answers is taken for the broker. For trials only.', true),
      servername: text("Name in the broker's certificate, where it is not the host's."),
    }),
  ],
  { error: 'must be true, false or an object' },
)

const envelopes = ['cloudevents', 'cloudevents-structured', 'debezium'] as const

/** Part of the one description in `schema.ts`. */
export const kafka = group({
  brokers: list(
    z.string().regex(/^[^\s,/]+:\d+$/, { error: "must be 'host:port'" }),
    '`host:port` of some brokers; they name the others.',
    { what: "a list of 'host:port'" },
  ),
  clientId: text('How the relay calls itself to Kafka.', { default: 'outboxkit' }),
  driver: choice(
    ['kafkajs', 'platformatic', 'confluent'],
    'The Kafka client; all but kafkajs have to be installed.',
    'kafkajs',
  ),
  ssl: ssl.optional().register(about, {
    description: 'TLS; `true`: with the certificates of the system.',
    kind: 'boolean',
    default: false,
  }),
  sasl: group({
    mechanism: choice(['plain', 'scram-sha-256', 'scram-sha-512'], 'How the relay logs in to Kafka.'),
    username: text('The user.'),
    ...withFile('password', text("The user's password.", { secret: true })),
  }).optional(),
  connectionTimeoutMs: milliseconds('How long a connection to a broker may take to come about.', 1, 5_000),
  envelope: envelope(),
  cloudEventsSource: text('The CloudEvents attribute `source`.', { default: '/outboxkit' }),
  topic: text('Topic of an event that names none; `{aggregateType}` and `{type}` may stand in it.', {
    default: 'outbox.event.{aggregateType}',
  }),
  route: code<Route>(isFunction, 'Goes before the template: `(event) => topic`.', { what: 'a function' }),
  createTopics: group({
    partitions: count('Partitions of topics that are missing and shall be created.', { least: 1 }),
    replicationFactor: count('Their replication factor.', { least: 1 }),
  }).optional(),
  publishTimeoutMs: milliseconds('How long the cluster may take to acknowledge a batch.', 1, 30_000),
  maxRequestBytes: bytes('Most bytes of a batch that carries more than one event.', 1_048_576),
})

function envelope() {
  return z
    .union(
      [
        z.enum(envelopes),
        z.custom<Envelope | EnvelopeFunction>((value) => isFunction(value) || has(value, 'toMessage')),
      ],
      {
        error: `must be one of ${quoted(envelopes)}, an envelope or a function`,
      },
    )
    .optional()
    .register(about, {
      description: 'How an event becomes a message; in a program also an envelope or a function.',
      kind: 'choice',
      choices: envelopes,
      default: 'cloudevents',
    })
}
