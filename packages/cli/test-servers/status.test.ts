import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { createTopic, readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { openPlace, outboxkit, relayOf, until, type OutboxPlace } from './operations-support.js'

const servers = [
  ['postgres', () => inject('postgresUrl')],
  ['mysql', () => inject('mysqlUrl')],
  ['mariadb', () => inject('mariadbUrl')],
] as const

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function opened(url: string): Promise<OutboxPlace> {
  const place = await openPlace(url)
  closers.push(() => place.drop())
  return place
}

function configFile(config: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-status-'))
  closers.push(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'outbox.config.json')
  writeFileSync(file, JSON.stringify(config))
  return file
}

describe.each(servers)('%s: status', (_, url) => {
  it('of an outbox without a relay, of one whose relay has died, and as a check', async () => {
    const place = await opened(url())
    const environment = { OUTBOXKIT_DATABASE_URL: place.url }
    const run = (...args: string[]) => outboxkit(['status', ...args], environment)
    expect(await run('--fail-above', '1ms')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/backlog +empty[\s\S]*relay +none has ever run[\s\S]*held +nothing/),
    })
    await place.emit({ key: 'a', topic: 't', payload: '{}' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await run('--fail-above', '1h')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 event, the oldest'),
    })
    expect((await run('--fail-above', '10ms')).code).toBe(1)
    const [past, now] =
      place.dialect === 'postgres'
        ? ["clock_timestamp() - interval '2 minutes'", 'clock_timestamp()']
        : ['utc_timestamp(6) - interval 2 minute', 'utc_timestamp(6)']
    await place.query(`insert into outbox_lease (id, owner, epoch, expires_at) values (1, 'me', 7, ${past})`)
    await place.query(`update outbox set created_at = ${past}`)
    const dead = await run()
    expect(dead.stdout).toMatch(/owner me is gone: its lease has expired 2m ago \(epoch 7\)/)
    expect(dead.stdout).toContain('no relay owns the table')
    await place.query(
      place.dialect === 'postgres'
        ? `update outbox_lease set expires_at = ${now} + interval '1 hour'`
        : `update outbox_lease set expires_at = ${now} + interval 1 hour`,
    )
    expect((await run()).stdout).toMatch(
      /owner me, epoch 7, lease for (59m|1h)[\s\S]*hint.*its log and \/metrics/,
    )
    expect((await run('--json')).data).toMatchObject([
      {
        outbox: 'default',
        backlog: { rows: 1 },
        lease: { owner: 'me', epoch: 7 },
        lastError: null,
        hint: expect.any(String),
      },
    ])
  })

  it('names the error of a relay whose broker is not there', async () => {
    const place = await opened(url())
    await place.emit({ key: 'a', topic: 't', payload: '{}' })
    const relay = relayOf(place, '127.0.0.1:1', 900)
    closers.push(() => relay.stop())
    await relay.start()
    const run = (...args: string[]) => outboxkit(['status', ...args], { OUTBOXKIT_DATABASE_URL: place.url })
    await until(async () => (await run()).stdout.includes('last error  OUTBOX_PUBLISH_RETRY'), 'the error')
    const [status] = (await run('--json')).data as { lease?: { lastError?: object } }[]
    expect(status?.lease?.lastError).toEqual({
      code: 'OUTBOX_PUBLISH_RETRY',
      message: expect.stringContaining('127.0.0.1:1'),
      ageSeconds: expect.any(Number),
    })
  })
})

describe('rows that a policy hides', () => {
  it('are an error for status, dead and replay, not an outbox without events', async () => {
    const place = await opened(inject('postgresUrl'))
    await place.emit({ key: 'a', topic: 't', payload: '{}' })
    const [schema] = await place.query('select current_schema() as name')
    const role = `${String(schema?.['name'])}_looker`
    await place.query(`create role ${role} login password 'looker'`)
    closers.push(() => place.query(`drop owned by ${role}`).then(() => place.query(`drop role ${role}`)))
    await place.query(`grant usage on schema ${String(schema?.['name'])} to ${role}`)
    for (const table of ['outbox', 'outbox_lease', 'outbox_held', 'outbox_archive']) {
      await place.query(`grant select on ${table} to ${role}`)
      await place.query(`alter table ${table} enable row level security`)
    }
    const url = new URL(place.url)
    url.username = role
    url.password = 'looker'
    for (const args of [['status', '--fail-above', '1h'], ['dead', 'list'], ['replay']]) {
      const { code, stdout, stderr } = await outboxkit(args, {
        OUTBOXKIT_DATABASE_URL: url.href,
        OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
      })
      expect([args[0], code, stdout + stderr]).toEqual([
        args[0],
        1,
        expect.stringContaining('row-level security'),
      ])
    }
  })
})

describe('several outboxes', () => {
  it('are all shown, also when the database of one is down; a replay wants one of them', async () => {
    const [a, b] = [await opened(inject('postgresUrl')), await opened(inject('mysqlUrl'))]
    await b.emit({ key: 'a', topic: 't', payload: '{}' })
    const config = configFile({
      outboxes: {
        orders: { database: { url: a.url } },
        gone: { database: { url: 'postgres://u:s3cret@127.0.0.1:1/db' } },
        billing: { database: { url: b.url } },
      },
      kafka: { brokers: inject('kafkaBrokers').split(',') },
    })
    const run = (...args: string[]) => outboxkit(args, { OUTBOXKIT_CONFIG: config })
    const status = await run('status')
    expect(status.code).toBe(1)
    expect(status.stdout).toMatch(
      /orders {2}"outbox"[\s\S]*gone\n.*OUTBOX_DATABASE_FAILED[\s\S]*billing {2}`outbox`[\s\S]*1 event/,
    )
    expect(status.stdout).not.toContain('s3cret')
    expect((await run('status', '--json')).data).toMatchObject([
      { outbox: 'orders', backlog: { rows: 0 } },
      { outbox: 'gone', error: { code: 'OUTBOX_DATABASE_FAILED' } },
      { outbox: 'billing', backlog: { rows: 1 } },
    ])
    expect((await run('status', '--outbox', 'billing')).code).toBe(0)
    expect(await run('replay')).toMatchObject({ code: 2, stderr: expect.stringContaining('--outbox <name>') })
    expect((await run('replay', '--outbox', 'orders')).code).toBe(0)
  })

  it('are watched until Ctrl-C', async () => {
    const place = await opened(inject('postgresUrl'))
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 700)
    const watched = await outboxkit(
      ['status', '--watch', '100ms'],
      { OUTBOXKIT_DATABASE_URL: place.url },
      stop.signal,
    )
    expect(watched.code).toBe(0)
    expect(watched.stdout.match(/^\d\d:\d\d:\d\d {2}default +0 +- +none +0 +0$/gm)?.length).toBeGreaterThan(1)
  })
})

describe('Ctrl-C', () => {
  it('ends a replay after what is being sent, and the line that it prints goes on from there', async () => {
    const brokers = inject('kafkaBrokers')
    const place = await opened(inject('mysqlUrl'))
    const topic = await createTopic(brokers, uniqueTopic('replay'))
    const relay = relayOf(place, brokers)
    closers.push(() => relay.stop())
    await relay.start()
    for (let n = 1; n <= 60; n++)
      await place.emit({ key: String(n % 3), topic, payload: JSON.stringify({ n }) })
    await until(async () => (await place.query('select 1 from outbox_archive')).length === 60, 'all archived')

    const environment = { OUTBOXKIT_DATABASE_URL: place.url, OUTBOXKIT_KAFKA_BROKERS: brokers }
    const stop = new AbortController()
    const replaying = outboxkit(['replay', '--yes', '--rate', '10', '--json'], environment, stop.signal)
    await readTopic(brokers, topic, { count: 80 })
    stop.abort(new DOMException('Ended by SIGINT.', 'AbortError'))
    const ended = await replaying
    expect(ended).toMatchObject({ code: 130, data: [{ complete: false }] })
    const cursor = /--after (\S+)/.exec(ended.stderr)?.[1]
    const rest = await outboxkit(
      ['replay', '--yes', '--json', ...(cursor === undefined ? [] : ['--after', cursor])],
      environment,
    )
    expect(rest).toMatchObject({ code: 0, data: [{ complete: true }] })
    const again = (await readTopic(brokers, topic)).filter(({ headers }) =>
      headers.some(([name]) => name === 'outbox-replay'),
    )
    const numbers = again.map(({ value }) => (JSON.parse(String(value)) as { n: number }).n)
    // nothing was sent twice: the call that was under way was waited for
    expect(numbers.length).toBe(60)
    expect(new Set(numbers).size).toBe(60)
    for (const key of [0, 1, 2]) {
      const firsts = [...new Set(numbers.filter((n) => n % 3 === key))]
      expect(firsts).toEqual(firsts.toSorted((x, y) => x - y))
    }
  })
})
