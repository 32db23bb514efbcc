import { withOutbox } from '@outboxkit/knex'
import { createRelay } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import { knex } from 'knex'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { metricsPage, placeOrder, placeOrderRemotely, publishOnce } from '../../../docs/examples/worker.js'
import { createTopic, readTopic } from '../../../test-matrix/services/test-context.js'
import { createOutbox, eventually, startWorker, type OutboxTables } from './worker-support.js'

const closers: (() => Promise<unknown>)[] = []
let postgres: OutboxTables

beforeAll(async () => {
  postgres = await createOutbox(inject('postgresUrl'))
  closers.push(() => postgres.drop())
})
afterAll(async () => {
  for (const close of closers.toReversed()) await close()
})

function knexOn(client: string, url: string): ReturnType<typeof withOutbox> {
  const db = knex({ client, connection: url })
  closers.push(() => db.destroy())
  return withOutbox(db)
}

const isEmpty = async (): Promise<boolean> => (await postgres.query('select 1 from outbox')).length === 0

describe('docs/examples/worker.ts', () => {
  it('a commit wakes a sleeping relay in the same process', async () => {
    const relay = createRelay({
      source: postgresSource({ url: postgres.url, onWarning: () => undefined }),
      publisher: memoryPublisher(),
      idle: { sleepAfterMs: 50, wakeEveryMs: 3_600_000 },
    })
    closers.push(() => relay.stop())
    await relay.start()
    await eventually(() => relay.state === 'asleep')
    await placeOrder(knexOn('pg', postgres.url), relay, '1')
    await eventually(isEmpty)
    expect(relay.metrics()).toMatchObject({ published: 1, sleeps: expect.any(Number) })
    await relay.stop()
  })

  it('a commit wakes a sleeping worker', async () => {
    const topic = await createTopic(inject('kafkaBrokers'), 'outbox.event.order').catch(
      () => 'outbox.event.order',
    )
    const worker = await startWorker({
      OUTBOXKIT_DATABASE_URL: postgres.url,
      OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
      OUTBOXKIT_IDLE_SLEEP_AFTER_MS: '50',
    })
    const before = (await readTopic(inject('kafkaBrokers'), topic)).length
    await worker.line('asleep')
    const { url } = await worker.line('listening')
    await placeOrderRemotely(knexOn('pg', postgres.url), String(url), '2')
    await readTopic(inject('kafkaBrokers'), topic, { count: before + 1 })
    await eventually(isEmpty)
    expect(await worker.stop()).toBe(0)
  })

  it('one pass publishes what is there', async () => {
    await postgres.insert(5)
    const source = postgresSource({ url: postgres.url, onWarning: () => undefined })
    expect(await publishOnce(source, memoryPublisher())).toBe(5)
    expect(await isEmpty()).toBe(true)
  })

  it('an application shows the gauges of the worker', async () => {
    await postgres.insert(3)
    expect(await metricsPage(knexOn('pg', postgres.url))).toContain(
      'outboxkit_backlog_rows{outbox="default"} 3\n',
    )
  })
})
