import type { Outcome, Publisher } from '@outboxkit/relay'
import { createRelay } from '@outboxkit/relay'
import { OutboxError, type StoredEvent } from '@outboxkit/core'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { sleep, until } from '../test/support.js'
import { Tables } from './postgres-harness.js'

const url = inject('postgresUrl')
let tables: Tables
beforeEach(async () => void (tables = await Tables.create(url)))
afterEach(() => tables.dispose())

/** A publisher that fails until told otherwise. */
function switched(): Publisher & { mode: 'retry' | 'ok' | 'reject'; sent: string[] } {
  const sent: string[] = []
  return {
    name: 'switched',
    mode: 'retry',
    sent,
    topicOf: () => 't',
    close: async () => undefined,
    async publish(events: readonly StoredEvent[]): Promise<Outcome[]> {
      const error = new OutboxError('OUTBOX_PUBLISH_RETRY', 'down')
      if (this.mode !== 'ok') return events.map(() => ({ status: this.mode as 'retry', error, topic: 't' }))
      sent.push(...events.map((e) => String(e.payload)))
      return events.map(() => ({ status: 'published' }))
    },
  }
}

const insert = (
  from: number,
  to: number,
) => `insert into ${tables.outbox} (id, aggregatetype, aggregateid, type, payload)
  select gen_random_uuid(), 'order', 'k' || n, 't', to_json('v' || n) from generate_series(${from}, ${to}) n;`

test('truncate … restart identity and new rows in one transaction, while the broker is down: nothing is lost', async () => {
  const publisher = switched()
  await tables.query(insert(1, 5))
  const relay = createRelay({
    source: tables.source({ sweep: { intervalMs: 500 } }),
    publisher,
    retry: { minMs: 10, maxMs: 50 },
  })
  tables.onDispose(() => relay.stop())
  await relay.start()
  await until(() => relay.metrics().publishCallsFailed > 2)
  await tables.query(`begin; truncate ${tables.outbox} restart identity; ${insert(101, 106)} commit;`)
  await sleep(300)
  publisher.mode = 'ok'
  await sleep(2_500)
  await relay.stop()
  const wanted = ['"v101"', '"v102"', '"v103"', '"v104"', '"v105"', '"v106"']
  const left = await tables.query(`select payload::text from ${tables.outbox}`)
  expect(wanted.filter((v) => !publisher.sent.includes(v) && !left.some((r) => r['payload'] === v))).toEqual(
    [],
  )
})

test('truncate … restart identity while nothing is read, because the window is full: nothing is lost', async () => {
  const publisher = switched()
  await tables.query(insert(1, 5))
  const relay = createRelay({
    source: tables.source(),
    publisher,
    retry: { minMs: 10, maxMs: 50 },
    maxInFlightEvents: 5,
    holdAfterMs: 60_000,
  })
  tables.onDispose(() => relay.stop())
  await relay.start()
  await until(() => relay.metrics().publishCallsFailed > 2)
  await tables.query(`truncate ${tables.outbox} restart identity`)
  await tables.query(insert(101, 103))
  await sleep(300)
  publisher.mode = 'ok'
  await sleep(2_500)
  await relay.stop()
  const wanted = ['"v101"', '"v102"', '"v103"']
  const left = await tables.query(`select payload::text from ${tables.outbox}`)
  expect(wanted.filter((v) => !publisher.sent.includes(v) && !left.some((r) => r['payload'] === v))).toEqual(
    [],
  )
})

test('a held position that is used a second time loses no event', async () => {
  const publisher = switched()
  publisher.mode = 'reject'
  await tables.query(insert(1, 2))
  const relay = createRelay({ source: tables.source(), publisher, retry: { minMs: 10, maxMs: 50 } })
  tables.onDispose(() => relay.stop())
  await relay.start()
  await until(() => relay.metrics().held === 2)
  await relay.stop()
  await tables.query(`truncate ${tables.outbox} restart identity`)
  await tables.query(insert(101, 102))
  const second = createRelay({ source: tables.source(), publisher, retry: { minMs: 10, maxMs: 50 } })
  tables.onDispose(() => second.stop())
  await second.start()
  await until(() => second.metrics().rejected >= 2)
  await sleep(500)
  await second.stop()
  const rows = await tables.query(
    `select payload::text from ${tables.outbox} union all select payload::text from ${tables.held}`,
  )
  expect(rows.map((r) => String(r['payload'])).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '"v1"',
    '"v101"',
    '"v102"',
    '"v2"',
  ])
})

test('a row at a position below one is delivered', async () => {
  const publisher = switched()
  publisher.mode = 'ok'
  await tables.query(`insert into ${tables.outbox} (position, id, aggregatetype, aggregateid, type, payload)
    overriding system value values (0, gen_random_uuid(), 'order', 'a', 't', '"zero"'), (-7, gen_random_uuid(), 'order', 'a', 't', '"minus"')`)
  const relay = createRelay({ source: tables.source({ sweep: { intervalMs: 100 } }), publisher })
  tables.onDispose(() => relay.stop())
  await relay.start()
  await sleep(2_000)
  await relay.stop()
  expect(publisher.sent.sort()).toEqual(['"minus"', '"zero"'])
})
