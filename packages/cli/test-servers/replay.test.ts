import { qualifiedName, resolveTable, type OutboxTable } from '@outboxkit/core'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import type { Publisher } from '@outboxkit/relay'
import { afterEach, describe, expect, inject, it } from 'vitest'
import {
  createTopic,
  readTopic,
  uniqueTopic,
  type TopicRecord,
} from '../../../test-matrix/services/test-context.js'
import { openDatabase, planReplay, replay, type Database, type ReplaySelection } from '../src/index.js'
import { databaseTime } from '../src/operations/archive.js'
import { openPlace, type OutboxPlace } from './operations-support.js'

const servers = [
  ['postgres', () => inject('postgresUrl')],
  ['mysql', () => inject('mysqlUrl')],
  ['mariadb', () => inject('mariadbUrl')],
] as const

const brokers = (): string => inject('kafkaBrokers')
const table: OutboxTable = resolveTable()
const keys = 7

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Stage {
  readonly place: OutboxPlace
  readonly database: Database
  readonly topic: string
  readonly publisher: Publisher
  readonly selection: ReplaySelection
}

/** An archive with so many events of a few keys: `perMoment` of them have left at the same time. */
async function stage(url: string, events: number, perMoment: number): Promise<Stage> {
  const place = await openPlace(url)
  closers.push(() => place.drop())
  const topic = await createTopic(brokers(), uniqueTopic('replay'), { partitions: 3 })
  const archive = qualifiedName(table, place.dialect, 'archive')
  for (let from = 1; from <= events; from += 500) {
    const rows = Array.from({ length: Math.min(500, events - from + 1) }, (_, i) => {
      const n = from + i
      const moment = `2026-01-31 10:00:00.${String(Math.ceil(n / perMoment)).padStart(6, '0')}`
      const at = place.dialect === 'postgres' ? `timestamp '${moment}' at time zone 'UTC'` : `'${moment}'`
      const outcome = n % 10 === 0 ? 'discarded' : 'published'
      return `(${n}, '${crypto.randomUUID()}', 'order', '${n % keys}', 'order.placed', '{"n":${n}}', '${topic}', ${at}, '${outcome}')`
    })
    await place.query(
      `insert into ${archive} (position, id, aggregatetype, aggregateid, type, payload, topic, published_at, outcome) values ${rows.join(', ')}`,
    )
  }
  const database = await openDatabase({ dialect: place.dialect, url: place.url })
  closers.push(() => database.close())
  const publisher = kafkaPublisher({
    driver: kafkajs({ brokers: brokers().split(',') }),
    onWarning: () => undefined,
  })
  closers.push(() => publisher.close())
  return { place, database, topic, publisher, selection: { to: await databaseTime(database) } }
}

const expected = (events: number): number[] =>
  Array.from({ length: events }, (_, i) => i + 1).filter((n) => n % 10 !== 0)

const numberOf = ({ value }: TopicRecord): number => (JSON.parse(String(value)) as { n: number }).n

/** Every event once, and the events of each key in their order. */
function expectAllInOrder(records: readonly TopicRecord[], events: number): void {
  expect(records.map(numberOf).toSorted((a, b) => a - b)).toEqual(expected(events))
  for (let key = 0; key < keys; key++) {
    const numbers = records.filter((record) => String(record.key) === String(key)).map(numberOf)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
}

describe.each(servers)('%s: a replay', (_, url) => {
  it('that is stopped again and again goes on where it was, in order, without what was given up', async () => {
    // More than are looked at by one statement, so many at one moment that a stretch ends in the middle of it.
    const events = 20_500
    const { database, topic, publisher, selection } = await stage(url(), events, 700)
    const plan = await planReplay(database, table, publisher, selection)
    expect(plan).toMatchObject({
      events: expected(events).length,
      firstPosition: 1,
      lastPosition: 20_499,
      firstPublishedAt: '2026-01-31T10:00:00.000001Z',
      topics: [{ topic, events: expected(events).length }],
    })
    let [sent, rounds] = [0, 0]
    let after: Awaited<ReturnType<typeof replay>>['cursor']
    for (let complete = false; !complete; rounds++) {
      const stop = new AbortController()
      const result = await replay(database, table, publisher, selection, {
        after,
        signal: stop.signal,
        onProgress: (progress) => progress.events >= 4_000 && stop.abort(),
      })
      sent += result.events
      after = result.cursor
      complete = result.complete
    }
    expect(rounds).toBeGreaterThan(3)
    expect(sent).toBe(expected(events).length)
    expectAllInOrder(await readTopic(brokers(), topic), events)
  })

  it('ends with a refused event, tells where, and sends nothing behind it', async () => {
    const { place, database, topic, publisher, selection } = await stage(url(), 30, 1)
    await place.query(
      `update outbox_archive set payload = '${JSON.stringify({ n: 15, fill: 'x'.repeat(2_000_000) })}' where position = 15`,
    )
    const result = await replay(database, table, publisher, selection)
    expect(result).toMatchObject({ complete: false, error: { code: 'OUTBOX_PUBLISH_REJECTED' } })
    const records = await readTopic(brokers(), topic)
    const ofKey = records.filter(({ key }) => String(key) === String(15 % keys)).map(numberOf)
    expect(ofKey).toEqual([1, 8])
  })

  it('waits for a broker that takes nothing, and gives up after its patience', async () => {
    const { database, topic, publisher, selection } = await stage(url(), 30, 1)
    let failures = 0
    const flaky: Publisher = {
      name: 'flaky',
      topicOf: (event) => publisher.topicOf(event),
      close: () => publisher.close(),
      publish: (events, options) => {
        // half of them get through, then nothing
        if (failures++ === 0) return publisher.publish(events.slice(0, 5), options)
        return Promise.reject(new Error('no broker'))
      },
    }
    const given = await replay(database, table, flaky, selection, { patienceMs: 200 })
    expect(given).toMatchObject({
      complete: false,
      events: 0,
      error: { code: 'OUTBOX_PUBLISH_RETRY', message: expect.stringContaining('no broker') },
    })
    failures = 0
    const healed: Publisher = {
      ...flaky,
      publish: (events, options) =>
        failures++ < 3 ? flaky.publish(events, options) : publisher.publish(events, options),
    }
    const patient = await replay(database, table, healed, { ...selection, fromPosition: 6 })
    expect(patient).toMatchObject({ complete: true, events: 22 })
    const numbers = (await readTopic(brokers(), topic)).map(numberOf)
    expect(new Set(numbers)).toEqual(new Set(expected(30)))
  })
})
