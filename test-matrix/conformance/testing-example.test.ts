import { createTablesSql } from '@outboxkit/core'
import { withOutbox } from '@outboxkit/knex'
import { createRelay } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { emittedEvents, memoryPublisher } from '@outboxkit/testing'
import knex from 'knex'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { freshSchema, type FreshSchema } from '../services/test-context.js'

let stage: FreshSchema

beforeAll(async () => {
  stage = await freshSchema(inject('postgresUrl'), 'example')
  for (const sql of createTablesSql('postgres')) await stage.query(sql)
})

afterAll(() => stage.drop())

it('an order emits, and the relay delivers', async () => {
  const url = stage.url
  const db = withOutbox(knex({ client: 'pg', connection: url }))

  // #region example
  await db.transaction((trx) =>
    trx.emit({ type: 'order.placed', aggregateType: 'order', aggregateId: 1, payload: { total: 12 } }),
  )

  // What the application has emitted and no relay has published yet.
  const emitted = await emittedEvents(async (sql) => (await db.raw(sql)).rows)
  expect(emitted).toContainEqual(expect.objectContaining({ type: 'order.placed', payload: { total: 12 } }))

  // The real relay with a publisher in memory.
  const publisher = memoryPublisher()
  await createRelay({ source: postgresSource({ url }), publisher }).drain()
  expect(publisher.messages('outbox.event.order')).toHaveLength(1)
  // #endregion

  expect(await emittedEvents((sql) => stage.query(sql))).toEqual([])
  await db.destroy()
})
