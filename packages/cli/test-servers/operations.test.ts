import { tmpdir } from 'node:os'
import { parseMessage } from '@outboxkit/core'
import { afterEach, describe, expect, inject, it } from 'vitest'
import {
  createTopic,
  readTopic,
  uniqueTopic,
  type TopicRecord,
} from '../../../test-matrix/services/test-context.js'
import { runProgram } from '../src/run.js'
import { limitTopic, openPlace, outboxkit, relayOf, until, type OutboxPlace } from './operations-support.js'

const servers = [
  ['postgres', () => inject('postgresUrl')],
  ['mysql', () => inject('mysqlUrl')],
  ['mariadb', () => inject('mariadbUrl')],
] as const

const brokers = (): string => inject('kafkaBrokers')

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function opened(url: string, parts?: Parameters<typeof openPlace>[1]): Promise<OutboxPlace> {
  const place = await openPlace(url, parts)
  closers.push(() => place.drop())
  return place
}

const header = (record: TopicRecord, name: string): string | undefined =>
  record.headers.find(([found]) => found === name)?.[1]?.toString()
const numberOf = (record: TopicRecord): number => (JSON.parse(String(record.value)) as { n: number }).n
const numbersOf = (records: readonly TopicRecord[], key: string): number[] =>
  records.filter((record) => record.key?.toString() === key).map(numberOf)
const payload = (n: number, bytes = 0): string => JSON.stringify({ n, fill: 'x'.repeat(bytes) })

describe.each(servers)('%s', (_, url) => {
  it('an event that is refused: found, retried, seen by a consumer; another one given up; all of it replayed', async () => {
    const place = await opened(url())
    const topic = await createTopic(brokers(), uniqueTopic('operations'), {
      partitions: 2,
      config: { 'max.message.bytes': '2000' },
    })
    const environment = { OUTBOXKIT_DATABASE_URL: place.url, OUTBOXKIT_KAFKA_BROKERS: brokers() }
    const run = (...args: string[]) => outboxkit(args, environment)
    const seen = (count: number) => readTopic(brokers(), topic, { count })
    const relay = relayOf(place, brokers())
    closers.push(() => relay.stop())

    await place.emit({ key: 'a', topic, payload: payload(1) })
    const big = await place.emit({ key: 'a', topic, payload: payload(2, 5_000) })
    await place.emit({ key: 'a', topic, payload: payload(3) })
    await place.emit({ key: 'b', topic, payload: payload(4) })
    await relay.start()
    expect((await seen(2)).map(numberOf).toSorted((a, b) => a - b)).toEqual([1, 4])
    await until(
      async () => (await run('dead', 'list', '--json')).data[0]?.scopes?.[0]?.events === 2,
      'two held',
    )

    // what is wrong; the event that went through leaves its table a moment after it was seen
    await until(async () => (await place.query('select 1 from outbox')).length === 0, 'an empty outbox')
    const [status] = (await run('status', '--json')).data
    expect(status).toMatchObject({
      outbox: 'default',
      backlog: { rows: 0, atLeast: false },
      held: { key: { rows: 2 }, topic: { rows: 0 } },
      lease: { owner: expect.any(String), expired: false, epoch: 1 },
    })
    const list = await run('dead', 'list')
    expect(list.stdout).toContain('OUTBOX_PUBLISH_REJECTED')
    expect(list.stdout).toContain('5:order:a')
    const [events] = (await run('dead', 'list', '--scope', '5:order:a', '--json')).data
    expect(events?.events).toMatchObject([
      { id: big, code: 'OUTBOX_PUBLISH_REJECTED', request: null },
      { code: 'OUTBOX_HELD_BEHIND' },
    ])
    // not the reason of the event that only waits behind
    expect(status).toMatchObject({
      lastError: { code: 'OUTBOX_PUBLISH_REJECTED', scope: '5:order:a', attempts: 1 },
    })
    expect((await run('dead', 'show', big)).stdout).toMatch(
      /type +order\.placed[\s\S]*payload +5\d\d\d bytes/,
    )
    const [shown] = (await run('dead', 'show', big, '--json')).data
    expect(JSON.parse(shown?.payload ?? '')).toEqual(JSON.parse(payload(2, 5_000)))

    // the cause is still there, then it is not
    const refused = await run('dead', 'retry', big, '--wait', '20s')
    expect(refused).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('refused again after 2 attempts'),
    })
    await limitTopic(brokers(), topic, 10_000)
    const position = String(events?.events?.[0]?.position)
    let retried = refused
    // a broker goes by its old limit for a moment after it has taken the new one
    await until(async () => {
      retried = await run('dead', 'retry', position, '--wait', '20s', '--json')
      return retried.code === 0
    }, 'the broker to take it')
    expect(retried.data).toMatchObject([{ ends: [{ id: big, outcome: 'gone' }] }])
    expect(numbersOf(await seen(4), 'a')).toEqual([1, 2, 3])
    const again = await run('dead', 'retry', big)
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`No held event has the id or position ${big}`),
    })

    // given up
    const hopeless = await place.emit({ key: 'a', topic, payload: payload(5, 20_000) })
    await place.emit({ key: 'a', topic, payload: payload(6) })
    await until(
      async () => (await run('dead', 'list', '--json')).data[0]?.scopes?.[0]?.events === 2,
      'two held',
    )
    const dry = await run('dead', 'discard', '--all')
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/would discard 2 events.*--yes/) })
    const discarded = await run('dead', 'discard', hopeless, '--wait', '20s')
    expect(discarded).toMatchObject({ code: 0, stdout: expect.stringContaining('given up') })
    expect(numbersOf(await seen(5), 'a')).toEqual([1, 2, 3, 6])
    await until(async () => (await place.query('select 1 from outbox_archive')).length === 6, 'six archived')

    // once more
    const plan = await run('replay', '--from', '1h', '--json')
    expect(plan).toMatchObject({
      code: 0,
      data: [{ dryRun: true, events: 5, topics: [{ topic, events: 5 }] }],
    })
    expect((await run('replay')).stdout).toContain(topic)
    expect((await seen(5)).length).toBe(5)
    const replayed = await run('replay', '--yes', '--json')
    expect(replayed).toMatchObject({ code: 0, data: [{ events: 5, complete: true }] })
    const records = await seen(10)
    const marked = records.filter((record) => header(record, 'outbox-replay') !== undefined)
    expect(numbersOf(marked, 'a')).toEqual([1, 2, 3, 6])
    expect(numbersOf(marked, 'b')).toEqual([4])
    const first = records.find(
      (record) => header(record, 'outbox-replay') === undefined && numberOf(record) === 2,
    )
    const second = marked.find((record) => numberOf(record) === 2)
    expect(second?.value).toEqual(first?.value)
    expect(second?.partition).toBe(first?.partition)
    expect(parsed(second)).toEqual({
      ...parsed(first),
      headers: { tenant: '7', 'outbox-replay': expect.stringMatching(/^\d{4}-.*Z$/) },
    })

    // a part
    const one = await run('replay', '--aggregate-id', 'b', '--topic', topic, '--yes')
    expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('1 event sent again') })
    const range = await run('replay', '--from', '3', '--to', '5', '--json')
    expect(range.data).toMatchObject([{ events: 2, firstPosition: 3, lastPosition: 4 }])
    expect((await seen(11)).length).toBe(11)

    await relay.stop()
    expect((await run('status')).stdout).toContain('none: the last one (epoch 1) has stopped')
  })

  it('many requests at once, page by page, with and without --yes', async () => {
    const place = await opened(url(), [])
    const environment = { OUTBOXKIT_DATABASE_URL: place.url }
    const run = (...args: string[]) => outboxkit(args, environment)
    const rows = (scope: string, from: number, count: number, code: string) =>
      Array.from({ length: count }, (_, i) => {
        const id = `00000000-0000-4000-8000-${String(from + i).padStart(12, '0')}`
        return `(${from + i}, '${id}', 'order', '${from + i}', 'order.placed', '{}', 'topic', '${scope}', '${code}', 'why')`
      }).join(', ')
    for (const values of [rows('t1', 1, 1_100, 'A'), rows('t2', 2_000, 3, 'B'), rows('t3', 3_000, 2, 'A')])
      await place.query(
        `insert into outbox_held (position, id, aggregatetype, aggregateid, type, payload, scope_kind, scope, code, reason) values ${values}`,
      )

    const first = await run('dead', 'list', '--limit', '2', '--json')
    expect(first.data[0]?.scopes).toMatchObject([
      { scope: 't1', events: 1_000, first: { position: 1 } },
      { scope: 't2', events: 3 },
    ])
    const second = await run('dead', 'list', '--limit', '2', '--after', first.data[0]?.next ?? '', '--json')
    expect(second.data).toMatchObject([{ scopes: [{ scope: 't3', events: 2 }], next: null }])
    const coded = await run('dead', 'list', '--code', 'B', '--json')
    expect(coded.data[0]?.scopes).toMatchObject([{ scope: 't2', events: 3 }])
    const page = await run('dead', 'list', '--scope', 't2', '--limit', '2', '--json')
    expect(page.data[0]).toMatchObject({ events: [{ position: 2_000 }, { position: 2_001 }], next: 2_001 })
    expect((await run('dead', 'list')).stdout).toMatch(/t1 +1000\+/)

    expect((await run('dead', 'retry', '--code', 'A')).stdout).toContain('would retry 1102 events')
    expect(await place.query('select 1 from outbox_held where request is not null')).toEqual([])
    const asked = await run('dead', 'retry', '--code', 'A', '--yes', '--json')
    expect(asked).toMatchObject({ code: 0, data: [{ asked: 1_102, already: 0 }] })
    expect(asked.stderr).toContain('no relay owns the table now')
    const twice = await run('dead', 'retry', '--code', 'A', '--yes', '--json')
    expect(twice.data).toMatchObject([{ asked: 0, already: 1_102 }])
    expect(
      await place.query("select position from outbox_held where request = 'retry' and code = 'B'"),
    ).toEqual([])
    // one scope is retried at once; a wait for nobody ends
    const waited = await run('dead', 'retry', '--scope', 't2', '--wait', '1s', '--json')
    expect(waited).toMatchObject({ code: 1, data: [{ asked: 3, left: { waiting: 3, held: 3 } }] })
    expect(waited.stderr.match(/no relay owns the table now/g)).toHaveLength(1)
    // that nobody is there is said before the wait: who reads it need not wait
    for (const which of [['--scope', 't2'], ['2000']]) {
      const stop = new AbortController()
      const ended = await runProgram(['dead', 'retry', ...which, '--wait', '1h'], {
        cwd: tmpdir(),
        environment: { OUTBOXKIT_DATABASE_URL: place.url },
        stdin: {},
        stdout: { write: () => undefined },
        stderr: {
          write: (text) =>
            text.includes('no relay owns') && stop.abort(new DOMException('Ended.', 'AbortError')),
        },
        signal: stop.signal,
        version: '0.0.0',
      })
      expect(ended).toBe(130)
    }
    expect((await run('dead', 'list', '--events', '--code', 'none')).stdout).toMatch(/: nothing is held\.\n$/)
  })
})

describe('what is asked for wrongly', () => {
  it.each([
    [['dead', 'retry'], /say which events[\s\S]*usage: outboxkit dead retry/],
    [['dead', 'retry', '1', '--all'], /either ids[\s\S]*usage:/],
    [['dead', 'show', 'x; drop table outbox'], /neither an event id[\s\S]*usage: outboxkit dead show/],
    [['dead', 'list', '--limit', '0'], /from 1 to 1000[\s\S]*usage:/],
    [['dead', 'list', '--after', 'nonsense'], /--after must be[\s\S]*usage:/],
    [['status', '--fail-above', 'soon'], /must be a duration[\s\S]*usage: outboxkit status/],
    [['replay', '--from', 'yesterday'], /--from must be a time[\s\S]*usage: outboxkit replay/],
    [['replay', '--from', '2026-01-31T10:00'], /no time zone/],
    [['replay', '--after', '12'], /--after must be/],
    [['replay', '--rate', '0'], /1 or more/],
  ] as const)('%j: exit code 2 and the usage line', async (args, message) => {
    const result = await outboxkit(args, { OUTBOXKIT_DATABASE_URL: 'postgres://u:p@127.0.0.1:1/db' })
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
  })

  it.each(servers)(
    '%s: a replay without an archive says how to get one; a range the wrong way round',
    async (_, url) => {
      const bare = await opened(url(), [])
      const environment = (place: OutboxPlace) => ({
        OUTBOXKIT_DATABASE_URL: place.url,
        OUTBOXKIT_KAFKA_BROKERS: brokers(),
      })
      const none = await outboxkit(['replay'], environment(bare))
      expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('generate --with archive') })
      const place = await opened(url())
      const wrong = await outboxkit(['replay', '--from', '9', '--to', '3'], environment(place))
      expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--from lies behind --to') })
      const empty = await outboxkit(['replay'], environment(place))
      expect(empty).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to send again') })
      await place.query('drop table outbox_held')
      const missing = await outboxkit(['dead', 'list'], environment(place))
      expect(missing).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/are not all there: .*outboxkit generate/),
      })
    },
  )
})

function parsed(record: TopicRecord | undefined): ReturnType<typeof parseMessage> {
  if (record === undefined) throw new Error('There is no such record.')
  return parseMessage({ ...record, headers: new Map(record.headers) })
}
