import { createRequire } from 'node:module'
import { cloudEvents, createTablesSql, Outbox, type ParsedEvent } from '@outboxkit/core'
import { withOutbox as withDrizzleOutbox } from '@outboxkit/drizzle'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { withOutbox as withKnexOutbox } from '@outboxkit/knex'
import { withOutbox as withPrismaOutbox, type OutboxMethods } from '@outboxkit/prisma'
import { createRelay, type Relay, type Source } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { SpanKind, trace, type Span } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs'
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kafka, logLevel, type Consumer } from 'kafkajs'
import knex from 'knex'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { consume, processInSpan } from '../../docs/examples/tracing.js'
import { clientsOf, type TestClient } from '../../packages/prisma/test-servers/support/open.js'
import { targets } from '../../packages/prisma/test-servers/support/targets.js'
import { until } from '../../packages/relay/test/support.js'
import { createTopic, freshDatabase, freshSchema, readTopic, uniqueTopic } from '../services/test-context.js'
import { registerTracing, type Tracing } from '../services/tracing.js'

/*
 * From emit to consumer with a real SDK and the instrumentations of pg, mysql2 and kafkajs switched on, which is how
 * most applications trace. They change the modules in place when these are required, also for who imports them.
 */

const application = trace.getTracer('application')
const brokers = inject('kafkaBrokers').split(',')
const kafka = (): Kafka => new Kafka({ brokers, logLevel: logLevel.NOTHING })
const received = new Map<string, { parsed: ParsedEvent; handled: Span }>()
let tracing: Tracing
let unregister: () => void
let topic: string
let consumer: Consumer

beforeAll(async () => {
  tracing = registerTracing()
  const instrumentations = [
    new PgInstrumentation(),
    new MySQL2Instrumentation(),
    new KafkaJsInstrumentation(),
  ]
  unregister = registerInstrumentations({ instrumentations })
  const require = createRequire(import.meta.url)
  for (const name of ['pg', 'mysql2', 'kafkajs']) require(name)
  topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('tracing'))
  consumer = kafka().consumer({ groupId: topic, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consume(consumer, (parsed) =>
    application.startActiveSpan('handle', async (handled) => {
      await new Promise(setImmediate)
      handled.end()
      received.set(parsed.id, { parsed, handled })
    }),
  )
})
beforeEach(() => tracing.reset())
afterAll(async () => {
  await consumer.disconnect()
  unregister()
  tracing.unregister()
})

/** Runs `body` as an application runs a request. */
async function request<R>(body: () => Promise<R>): Promise<{ result: R; span: Span }> {
  return application.startActiveSpan('request', async (span) => {
    const result = await body()
    span.end()
    return { result, span }
  })
}

function relayOf(source: Source): Relay {
  return createRelay({
    source,
    publisher: kafkaPublisher({ driver: kafkajs({ brokers }), topic }),
    lease: { termMs: 1_200 },
    publishTimeoutMs: 1_000,
    poll: { minMs: 2, maxMs: 20 },
  })
}

const spanOf = (span: Span | undefined): ReadableSpan | undefined =>
  tracing.spans().find((one) => one.spanContext().spanId === span?.spanContext().spanId)
const spanNamed = (name: string): ReadableSpan | undefined =>
  tracing.spans().find((span) => span.name === name)

/** The headers of the newest message on the topic, by a client that nothing instruments. */
async function newestHeaders(): Promise<Readonly<Record<string, string>>> {
  const records = await readTopic(inject('kafkaBrokers'), topic)
  const headers = records.at(-1)?.headers ?? []
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]))
}

const event = (aggregateId: string) => ({
  aggregateType: 'order',
  aggregateId,
  type: 'order.placed',
  payload: { total: 12 },
})

interface Application {
  /** Emits one event in a transaction of its own; gives its id. */
  readonly emit: (aggregateId: string) => Promise<string>
  readonly source: Source
  readonly close: () => Promise<void>
}

async function postgresPlace() {
  const place = await freshSchema(inject('postgresUrl'), 'tracing')
  for (const sql of createTablesSql('postgres')) await place.query(sql)
  return place
}

const applications: Readonly<Record<string, () => Promise<Application>>> = {
  'knex on MySQL': async () => {
    const place = await freshDatabase(inject('mysqlUrl'), 'tracing')
    for (const sql of createTablesSql('mysql')) await place.query(sql)
    const db = withKnexOutbox(knex({ client: 'mysql2', connection: place.url }))
    return {
      emit: (id) => db.transaction((trx) => trx.emit(event(id))),
      source: mysqlSource({ url: place.url }),
      close: () => db.destroy().then(() => place.drop()),
    }
  },
  'drizzle on PostgreSQL': async () => {
    const place = await postgresPlace()
    const db = withDrizzleOutbox(drizzle({ client: place.pool }))
    return {
      emit: (id) => db.transaction((tx) => tx.emit(event(id))),
      source: postgresSource({ url: place.url }),
      close: () => place.drop(),
    }
  },
  'prisma on PostgreSQL': async () => {
    const place = await postgresPlace()
    const clients = await clientsOf(targets['prisma 7, prisma-client'])
    const db = withPrismaOutbox(clients.open(inject('postgresUrl'), place.schema))
    const plain = db as unknown as TestClient
    return {
      emit: (id) =>
        plain.$transaction((tx) =>
          (tx as unknown as OutboxMethods<ReturnType<typeof event>>).emit(event(id)),
        ),
      source: postgresSource({ url: place.url }),
      close: () => plain.$disconnect().then(() => place.drop()),
    }
  },
}

test.each(Object.entries(applications))(
  '%s: the consumer’s parent is the emitter, the relay links to it, and its own statements leave no span',
  async (name, open) => {
    const app = await open()
    const relay = relayOf(app.source)
    // In the middle of a span of the application, which must not become the parent of all that follows.
    tracing.reset()
    const { span: start } = await request(() => relay.start())
    const { result: id, span: emitter } = await request(() => app.emit(name))
    const { traceId, spanId } = emitter.spanContext()
    await until(() => received.has(id) && relay.metrics().settled > 0, 20_000)

    // The instrumentation of the database is on: the application's INSERT is in its trace.
    const inTrace = tracing.spans().filter((span) => span.spanContext().traceId === traceId)
    const statements = inTrace.map(({ attributes }) => String(attributes['db.query.text']))
    expect(statements.filter((text) => /^insert into/i.test(text))).toHaveLength(1)
    // So is that of Kafka's consumer, which has found the emitter in the message's headers.
    const traceparent = `00-${traceId}-${spanId}-01`
    expect(await newestHeaders()).toMatchObject({ traceparent, ce_traceparent: traceparent })
    await until(() => spanNamed(`process ${topic}`) !== undefined)
    const processed = spanNamed(`process ${topic}`)
    expect(processed?.parentSpanContext).toMatchObject({ traceId, spanId })
    expect(spanOf(received.get(id)?.handled)?.parentSpanContext).toMatchObject(processed?.spanContext() ?? {})

    const before = relay.metrics()
    await until(() => {
      const now = relay.metrics()
      return now.readsEmpty > before.readsEmpty + 20 && now.renewals > before.renewals + 2
    })
    await relay.stop()
    const others = tracing
      .spans()
      .filter((span) => span.spanContext().traceId !== traceId && span !== spanOf(start))
    // A slow machine may take several attempts.
    expect(new Set(others.map((span) => span.name))).toEqual(new Set([`send ${topic}`]))
    const sent = others.at(-1)
    expect(sent?.links.map((link) => link.context.spanId)).toEqual([spanId])
    expect(sent?.parentSpanContext).toBeUndefined()
    expect(sent?.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.message.id': id,
      'messaging.destination.name': topic,
      'outboxkit.published': 1,
    })
    await app.close()
  },
)

test('a producer that writes its own trace into the headers does not hide the emitter', async () => {
  const { result: rows, span: emitter } = await request(() =>
    Promise.resolve(new Outbox().prepare([event('foreign')])),
  )
  const [row] = rows
  if (row === undefined) throw new Error('no row')
  const { key, value, headers } = cloudEvents().toMessage({
    ...row,
    position: 1,
    createdAt: '2026-01-02T01:04:05.678901Z',
  })
  const producer = kafka().producer()
  await producer.connect()
  const message = {
    key,
    value: value as string,
    headers: Object.fromEntries(headers) as Record<string, string>,
  }
  const { span: sender } = await request(() => producer.send({ topic, messages: [message] }))
  await producer.disconnect()
  await until(() => received.has(row.id), 20_000)
  const { traceId, spanId } = emitter.spanContext()
  const onTopic = await newestHeaders()
  expect(onTopic['traceparent']).toContain(sender.spanContext().traceId)
  expect(onTopic['ce_traceparent']).toContain(traceId)
  await until(() => spanNamed(`process ${topic}`) !== undefined)
  expect(spanNamed(`process ${topic}`)?.spanContext().traceId).toBe(sender.spanContext().traceId)
  const { parsed, handled } = received.get(row.id) ?? {}
  expect(spanOf(handled)?.parentSpanContext).toMatchObject({ traceId, spanId })

  // Nor where there is no instrumentation, and the consumer makes its own span.
  if (parsed === undefined) throw new Error('nothing was received')
  tracing.reset()
  expect(await processInSpan(topic, parsed, () => Promise.resolve('handled'))).toBe('handled')
  expect(tracing.spans()).toMatchObject([
    { name: `process ${topic}`, kind: SpanKind.CONSUMER, parentSpanContext: { traceId, spanId } },
  ])
})
