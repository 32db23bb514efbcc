import { schemaSql } from '@outboxkit/core'
import { withOutbox } from '@outboxkit/knex'
import { createRelay } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import knex from 'knex'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshTestDatabase, type TestDatabase } from './schema-support.js'

let target: TestDatabase
beforeEach(async () => {
  target = await freshTestDatabase('postgres', 'partitioned')
  await target.run(schemaSql('postgres', { with: ['archive'], partitioned: ['outbox', 'archive'] }))
})
afterEach(() => target[Symbol.asyncDispose]())

test('an outbox in partitions is written, read in order and emptied, across their borders', async () => {
  // One that ends in the middle of what is emitted; the rest goes to the default partition.
  await target.run([
    'create table outbox_p1 partition of outbox for values from (minvalue) to (50)',
    "create table outbox_archive_p1 partition of outbox_archive for values from ('2020-01-01') to ('2020-02-01')",
  ])
  const client = knex({ client: 'pg', connection: target.url })
  const db = withOutbox(client)
  const publisher = memoryPublisher()
  const relay = createRelay({
    source: postgresSource({ url: target.url, cleanup: 'archive', onWarning: () => undefined }),
    publisher,
  })
  const event = { aggregateType: 'order', aggregateId: '1', type: 'order.placed', payload: null }
  const emit = (count: number) => db.transaction((trx) => trx.emit(Array<typeof event>(count).fill(event)))
  try {
    const ids = [...(await emit(30))]
    await db
      .transaction(async (trx) => {
        await trx.emit(Array<typeof event>(10).fill(event))
        throw new Error('rolled back')
      })
      .catch(() => undefined)
    ids.push(...(await emit(60)))
    const { published } = await relay.drain()
    expect(published).toBe(90)
    expect(publisher.messages().map((message) => message.event.id)).toEqual(ids)
    expect(await target.database.query('select 1 from outbox')).toEqual([])
    expect(await target.database.query('select 1 from outbox_archive_default')).toHaveLength(90)
    // An empty partition can go, and a new one can come.
    await target.run([
      'drop table outbox_p1',
      'create table outbox_p2 partition of outbox for values from (1000) to (2000)',
    ])
    const more = await emit(3)
    expect((await relay.drain()).published).toBe(3)
    expect(
      publisher
        .messages()
        .slice(90)
        .map((message) => message.event.id),
    ).toEqual(more)
  } finally {
    await relay.stop()
    await client.destroy()
  }
})
