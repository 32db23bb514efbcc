import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, inject, it } from 'vitest'
import { startFaultProxy } from '../../../test-matrix/services/fault-proxy.js'
import { createTopic, readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { createLog } from '../src/worker/log.js'
import { runOnce, type OnceOptions } from '../src/worker/once.js'
import {
  configOf,
  createOutbox,
  eventually,
  startWorker,
  type OutboxTables,
  type RunningWorker,
} from './worker-support.js'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const later = <T>(thing: T, close: (thing: T) => Promise<unknown>): T => {
  closers.push(() => close(thing))
  return thing
}

const outboxOn = async (url: string): Promise<OutboxTables> =>
  later(await createOutbox(url), (tables) => tables.drop())

const started = async (...args: Parameters<typeof startWorker>): Promise<RunningWorker> =>
  later(await startWorker(...args), (worker) => worker.stop())

const kafka = (): { readonly OUTBOXKIT_KAFKA_BROKERS: string } => ({
  OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
})

const topicOf = async (): Promise<string> => createTopic(inject('kafkaBrokers'), uniqueTopic('worker'))

const valueOf = (text: string, name: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      ?.split(' ')[1],
  )

it('says how it starts, line by line, then the first event, and no more', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const topic = await topicOf()
  await tables.insert(3, { topic })
  const worker = await started({ OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() })
  await worker.line('first-published')
  await tables.insert(200, { topic })
  await readTopic(inject('kafkaBrokers'), topic, { count: 203 })
  const { json, status } = await worker.get('/readyz')
  expect(status).toBe(200)
  expect(json()).toMatchObject({ status: 'ok', outboxes: [{ name: 'default', state: 'owner', ok: true }] })
  expect(await worker.stop()).toBe(0)
  const events = worker.lines.filter(({ level }) => level === 'info').map(({ event }) => event)
  expect(events.join(' ')).toBe(
    'listening database table owner broker waiting first-published stopping stopped',
  )
  expect(worker.lines.find(({ event }) => event === 'table')).toMatchObject({ backlog: 3, atLeast: false })
})

it('shows what it did as metrics, and measures the backlog itself', async () => {
  const tables = await outboxOn(inject('mariadbUrl'))
  const topic = await topicOf()
  const worker = await started({ OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() })
  await worker.line('waiting')
  // What has never happened has no time.
  const before = (await worker.get('/metrics')).text
  expect(before).not.toContain('outboxkit_last_publish_timestamp_seconds{')
  await tables.insert(20, { topic })
  const text = await eventually(async () => {
    const { text: found } = await worker.get('/metrics')
    return valueOf(found, 'outboxkit_rows_settled_total') === 20 && found
  })
  expect(valueOf(text, 'outboxkit_events_published_total')).toBe(20)
  expect(valueOf(text, 'outboxkit_commit_to_ack_seconds_count')).toBe(20)
  expect(valueOf(text, 'outboxkit_publish_batch_events_sum')).toBe(20)
  expect(valueOf(text, 'outboxkit_owner')).toBe(1)
  expect(valueOf(text, 'outboxkit_last_publish_timestamp_seconds')).toBeGreaterThan(1.7e9)
  expect(text).toContain('outboxkit_relay_state{outbox="default",state="owner"} 1\n')
  // Locked rows of another transaction: in the table, and counted, whatever the relay believes.
  await eventually(async () => valueOf((await worker.get('/metrics')).text, 'outboxkit_backlog_rows') === 0)
  expect(text).not.toMatch(/slot|binlog/)
})

it('is alive without a broker, but not ready once a backlog is old; and says it once', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const [host = '', port = ''] = inject('kafkaBrokers').split(':')
  const proxy = later(await startFaultProxy({ port: Number(port), host }), (one) => one.close())
  await proxy.refuse()
  const topic = await topicOf()
  await tables.insert(1, { topic })
  const worker = await started(
    {
      OUTBOXKIT_DATABASE_URL: tables.url,
      OUTBOXKIT_KAFKA_BROKERS: proxy.address,
      OUTBOXKIT_RETRY_MAX_MS: '200',
      OUTBOXKIT_PUBLISH_TIMEOUT_MS: '500',
      OUTBOXKIT_KAFKA_PUBLISH_TIMEOUT_MS: '500',
    },
    { internal: { limits: { oldAfterMs: 300 } } },
  )
  const { json } = await eventually(async () => {
    const answer = await worker.get('/readyz')
    return answer.text.includes('has waited for') && answer
  })
  expect(json()).toMatchObject({ status: 'fail', outboxes: [{ name: 'default', state: 'owner', ok: false }] })
  expect((await worker.get('/livez')).status).toBe(200)
  await eventually(
    async () => valueOf((await worker.get('/metrics')).text, 'outboxkit_publish_calls_failed_total') > 5,
  )
  expect(
    worker.lines.filter(({ level, event }) => level === 'warn' && event === 'fault').length,
  ).toBeLessThan(4)
  expect(worker.lines.some(({ event }) => event === 'broker')).toBe(false)
})

it('one outbox whose database is gone in the middle of a batch, and one that can never run, stop no other', async () => {
  const fine = await outboxOn(inject('mysqlUrl'))
  const shaky = await outboxOn(inject('postgresUrl'))
  const topics = { fine: await topicOf(), shaky: await topicOf() }
  const server = new URL(shaky.url)
  const proxy = later(await startFaultProxy({ port: Number(server.port), host: server.hostname }), (one) =>
    one.close(),
  )
  server.host = proxy.address
  const missing = new URL(inject('postgresUrl'))
  missing.pathname = '/no_such_database'
  const worker = await started({
    ...kafka(),
    OUTBOXKIT_OUTBOXES_FINE_DATABASE_URL: fine.url,
    OUTBOXKIT_OUTBOXES_SHAKY_DATABASE_URL: server.href,
    OUTBOXKIT_OUTBOXES_WRONG_DATABASE_URL: missing.href,
    OUTBOXKIT_RETRY_MAX_MS: '200',
    // The owner that was cut off is itself: it waits for its own lease to run out.
    OUTBOXKIT_LEASE_TERM_MS: '2000',
  })
  const names = { fine: /fine/i, shaky: /shaky/i, wrong: /wrong/i }
  const says = (event: string, name: RegExp): Promise<unknown> =>
    eventually(() => worker.lines.find((one) => one.event === event && name.test(String(one.outbox))))
  await Promise.all([says('waiting', names.fine), says('waiting', names.shaky), says('failed', names.wrong)])
  // What the broker has got, the database never hears of: answers vanish when the first batch is settled.
  const settling = proxy.when(({ bytes }) => bytes.includes('delete from'), 'cut')
  await shaky.insert(300, { topic: topics.shaky })
  await settling.hit
  await proxy.refuse()
  proxy.reset()
  await says('fault', names.shaky)
  await fine.insert(100, { topic: topics.fine })
  expect(await readTopic(inject('kafkaBrokers'), topics.fine, { count: 100 })).toHaveLength(100)
  const down = (await worker.get('/readyz')).json() as {
    outboxes: { name: string; ok: boolean; reason?: string }[]
  }
  const isOk = (name: RegExp): boolean | undefined => down.outboxes.find((one) => name.test(one.name))?.ok
  expect([isOk(names.fine), isOk(names.shaky), isOk(names.wrong)]).toEqual([true, false, false])
  expect(down.outboxes.find((one) => names.wrong.test(one.name))?.reason).toContain('no_such_database')
  await proxy.heal()
  await says('recovered', names.shaky)
  const keys = new Set(
    (await readTopic(inject('kafkaBrokers'), topics.shaky, { count: 300 })).map(({ key }) => String(key)),
  )
  expect(keys.size).toBe(300)
  await eventually(async () => (await shaky.query('select 1 from outbox')).length === 0)
  expect(await worker.stop()).toBe(0)
})

it('ten standbys add no attempt and no send; one takes over at the stop of the owner', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const topic = await topicOf()
  const environment = { OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() }
  const owner = await started(environment)
  await owner.line('waiting')
  const standbys = await Promise.all(Array.from({ length: 10 }, () => started(environment)))
  await Promise.all(standbys.map((standby) => standby.line('standby')))
  await tables.insert(500, { topic })
  await readTopic(inject('kafkaBrokers'), topic, { count: 500 })
  await eventually(async () => (await tables.query('select 1 from outbox')).length === 0)
  for (const standby of standbys) {
    const { text } = await standby.get('/metrics')
    for (const name of ['publish_duration_seconds_count', 'events_published_total', 'reads_total'])
      expect(valueOf(text, `outboxkit_${name}`)).toBe(0)
    expect((await standby.get('/readyz')).status).toBe(200)
  }
  const { text } = await owner.get('/metrics')
  expect(valueOf(text, 'outboxkit_events_published_total')).toBe(500)
  expect(valueOf(text, 'outboxkit_events_retried_total')).toBe(0)
  expect(await owner.stop()).toBe(0)
  await eventually(() => standbys.some((standby) => standby.lines.some(({ event }) => event === 'owner')))
  await tables.insert(10, { topic })
  await readTopic(inject('kafkaBrokers'), topic, { count: 510 })
  await eventually(async () => (await tables.query('select 1 from outbox')).length === 0)
  expect(await readTopic(inject('kafkaBrokers'), topic)).toHaveLength(510)
})

it('asleep it has no connection to the database, whoever asks how it is; POST /wake wakes it', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const topic = await topicOf()
  const url = new URL(tables.url)
  url.searchParams.set('application_name', topic)
  const worker = await started({
    OUTBOXKIT_DATABASE_URL: url.href,
    ...kafka(),
    OUTBOXKIT_IDLE_SLEEP_AFTER_MS: '200',
  })
  await worker.line('waiting')
  // The connection that measures is open now.
  await worker.get('/readyz')
  await worker.line('asleep')
  const connections = async (): Promise<number> =>
    (await tables.query('select 1 from pg_stat_activity where application_name = $1', [topic])).length
  await eventually(async () => (await connections()) === 0)
  const asleep = await worker.get('/readyz')
  expect([asleep.status, asleep.json()['outboxes']]).toMatchObject([200, [{ state: 'asleep', ok: true }]])
  const { text } = await worker.get('/metrics')
  expect(text).not.toContain('outboxkit_backlog_rows{')
  await sleep(100)
  expect(await connections()).toBe(0)
  await tables.insert(1, { topic })
  expect(await worker.post('/wake')).toBe(202)
  expect(await readTopic(inject('kafkaBrokers'), topic, { count: 1 })).toHaveLength(1)
})

it('a database that comes later is waited for', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const server = new URL(tables.url)
  const proxy = later(await startFaultProxy({ port: Number(server.port), host: server.hostname }), (one) =>
    one.close(),
  )
  await proxy.refuse()
  server.host = proxy.address
  const worker = await started({ OUTBOXKIT_DATABASE_URL: server.href, ...kafka() })
  await worker.line('fault')
  expect((await worker.get('/readyz')).status).toBe(503)
  expect((await worker.get('/livez')).status).toBe(200)
  await proxy.heal()
  await worker.line('waiting')
  expect(worker.lines.filter(({ event }) => event === 'fault')).toHaveLength(1)
  expect((await worker.get('/readyz')).status).toBe(200)
})

it('ends at once when it can never run; with wait it goes on until somebody puts it right', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  await tables.query('alter table outbox rename to elsewhere')
  const environment = { OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() }
  const failed = await started(environment)
  expect(await failed.ended).toBe(1)
  expect(failed.lines.map(({ event }) => event)).not.toContain('stopping')
  expect(failed.lines.at(-1)?.msg).toContain('(--wait goes on trying)')
  expect(failed.lines.find(({ event }) => event === 'failed')?.msg).toContain('apply your migrations first')
  const waiting = await started(environment, { wait: true })
  expect((await waiting.line('failed')).msg).toMatch(/\(trying again by itself\)$/)
  expect((await waiting.get('/readyz')).text).toContain('apply your migrations first')
  // Some attempts later.
  await sleep(1_200)
  await tables.query('alter table elsewhere rename to outbox')
  await waiting.line('waiting')
  expect((await waiting.get('/readyz')).status).toBe(200)
  const said = waiting.lines.map(({ event }) => event)
  expect(said.filter((event) => event === 'database' || event === 'failed')).toEqual(['database', 'failed'])
})

it('a newer schema is refused with exit code 3', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  await tables.query('insert into outbox_lease (id, schema_version) values (1, 99)')
  const worker = await started({ OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() })
  expect(await worker.ended).toBe(3)
  expect(worker.lines.find(({ event }) => event === 'failed')).toMatchObject({
    code: 'OUTBOX_SCHEMA_VERSION',
  })
})

it('one pass says how it ended: complete, at its bound, elsewhere, or why it failed', async () => {
  const tables = await outboxOn(inject('postgresUrl'))
  const topic = await topicOf()
  await tables.insert(30, { topic })
  const environment = { OUTBOXKIT_DATABASE_URL: tables.url, ...kafka() }
  const signal = new AbortController().signal
  let said = ''
  const pass = async (more: Record<string, string>, options: Partial<OnceOptions> = {}): Promise<unknown> => {
    const { outboxes } = await configOf({ ...environment, ...more })
    const log = createLog({ level: 'info', format: 'json' }, outboxes, {
      write: (line) => void (said += line),
    })
    return (await runOnce(outboxes, { log, signal, ...options }))[0]
  }
  expect(await pass({}, { maxEvents: 10 })).toMatchObject({ end: 'bounded', published: 10 })
  expect(await pass({})).toMatchObject({ end: 'complete', published: 20 })
  const owner = await started(environment)
  await owner.line('waiting')
  expect(said).not.toContain('waits for it to end')
  expect(await pass({}, { deadlineMs: 200 })).toMatchObject({ end: 'elsewhere', published: 0 })
  expect(said).toContain('this pass waits for it to end, up to 0.2 s')
  await owner.stop()
  const noBroker = { OUTBOXKIT_KAFKA_BROKERS: '127.0.0.1:1', OUTBOXKIT_RETRY_MAX_MS: '100' }
  await tables.insert(1, { topic })
  expect(await pass(noBroker, { deadlineMs: 300 })).toMatchObject({
    end: 'failed',
    error: { code: 'OUTBOX_PUBLISH_RETRY' },
  })
  expect(await pass({ OUTBOXKIT_TABLE_NAME: 'nowhere' })).toMatchObject({
    end: 'failed',
    error: { message: expect.stringContaining('apply your migrations first') },
  })
})
