import { createTablesSql } from '@outboxkit/core'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { startPgBouncer } from '../../../test-matrix/services/pgbouncer.js'
import {
  createTopic,
  readTopic,
  uniqueName,
  uniqueTopic,
} from '../../../test-matrix/services/test-context.js'
import { openDatabase } from '../src/index.js'
import { eventually, startWorker } from './worker-support.js'

it('behind PgBouncer in transaction mode the worker publishes, and commands see UTC', async () => {
  const server = inject('postgresUrl')
  const database = uniqueName('pooled').toLowerCase()
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query(`create database ${database}`)
  await admin.query(`alter database ${database} set timezone = 'Asia/Tokyo'`)
  const direct = new URL(server)
  direct.pathname = database
  const pooler = await startPgBouncer(direct.href)
  const own = new pg.Client(direct.href)
  await own.connect()
  for (const statement of createTablesSql('postgres')) await own.query(statement)
  const looking = await openDatabase({ dialect: 'postgres', url: pooler.url })
  const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('pooled'))
  const worker = await startWorker({
    OUTBOXKIT_DATABASE_URL: pooler.url,
    OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
  })
  try {
    expect(await looking.query(`select '2026-01-01 00:00:00Z'::timestamptz as at`)).toEqual([
      { at: '2026-01-01 00:00:00+00' },
    ])
    await worker.line('waiting')
    await own.query(
      `insert into outbox (id, aggregatetype, type, payload, topic) values (gen_random_uuid(), 'order', 'x', '{}', $1)`,
      [topic],
    )
    expect(await readTopic(inject('kafkaBrokers'), topic, { count: 1 })).toHaveLength(1)
    await eventually(async () => (await own.query('select 1 from outbox')).rowCount === 0)
    expect((await worker.get('/readyz')).status).toBe(200)
    expect((await worker.get('/metrics')).text).toContain('outboxkit_backlog_rows{outbox="default"} 0\n')
  } finally {
    await worker.stop()
    await looking.close()
    await own.end()
    await pooler[Symbol.asyncDispose]()
    await admin.query(`drop database ${database} with (force)`)
    await admin.end()
  }
})
