import { OutboxError } from '@outboxkit/core'
import { createRelay } from '@outboxkit/relay'
import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { describe, expect, it } from 'vitest'
import type { ResolvedOutbox } from '../src/config/resolved.js'
import { FaultBook } from '../src/worker/faults.js'
import { createLog, type WorkerLog } from '../src/worker/log.js'
import { Narrator } from '../src/worker/narrate.js'

const secret = 's3cret/pa:ss'

const outbox = {
  name: 'default',
  database: { dialect: 'postgres', url: `postgres://me:${encodeURIComponent(secret)}@db/app` },
  kafka: {
    client: {
      brokers: ['b:1'],
      sasl: { username: 'u', password: 'bro"ker-pw' },
      ssl: { key: '-----KEY\nabc\n' },
    },
  },
} as unknown as ResolvedOutbox

function lines(): { log: WorkerLog; all: () => Record<string, unknown>[]; text: () => string } {
  let text = ''
  const log = createLog({ level: 'info', format: 'json' }, [outbox], { write: (line) => (text += line) })
  return {
    log,
    text: () => text,
    all: () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])),
  }
}

const messages = (all: Record<string, unknown>[]): unknown[] => all.map(({ msg }) => msg)

describe('createLog', () => {
  it('writes one JSON object per line, with time, level by name, and fields', () => {
    const { log, all } = lines()
    log.child({ outbox: 'a' }).warn({ event: 'x' }, 'told')
    log.debug({}, 'not at this level')
    expect(all()).toEqual([
      { level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/), outbox: 'a', event: 'x', msg: 'told' },
    ])
  })

  it.each(['json', 'pretty'] as const)('%s: no line holds a secret, whoever wrote it in', (format) => {
    let text = ''
    const log = createLog({ level: 'info', format }, [outbox], { write: (line) => (text += line) })
    log.info(
      { nested: { url: `postgres://me:${encodeURIComponent(secret)}@db` } },
      `${secret} bro"ker-pw -----KEY\nabc\n`,
    )
    expect(text).toContain('***')
    for (const known of [secret, encodeURIComponent(secret), 'ker-pw', 'abc'])
      expect(text).not.toContain(known)
  })

  it('is text for people on a terminal: the message, without colours unless asked, and no control characters', () => {
    let text = ''
    const target = { isTTY: true, write: (line: string) => (text += line) }
    createLog({ level: 'info', format: 'auto' }, [outbox], target).info({ event: 'x' }, 'told \u001b[31mred')
    expect(text).toMatch(/^\[?\d\d:\d\d:\d\d\]? INFO: told \[31mred\n$/)
  })

  it('names the outbox for people when there are several', () => {
    let text = ''
    const target = { isTTY: true, write: (line: string) => (text += line) }
    createLog({ level: 'info', format: 'auto' }, [outbox, outbox], target)
      .child({ outbox: 'b' })
      .info({}, 'told')
    expect(text).toContain('[b] told')
  })
})

describe('FaultBook', () => {
  const fault = {
    about: 'the database',
    code: 'OUTBOX_SOURCE_FAILED',
    detail: 'ECONNREFUSED',
    message: 'gone',
  }

  it('says a fault once, sums up what repeats, and says when it is over', () => {
    const { log, all } = lines()
    let now = 0
    const book = new FaultBook(log, () => now)
    for (let n = 0; n < 50; n++) book.note(fault)
    now = 60_000
    book.summarise()
    // Nothing has happened since.
    book.summarise()
    now = 65_000
    book.over('the database')
    book.over('the database')
    expect(messages(all())).toEqual([
      'gone (trying again by itself)',
      'the database still fails, for 60 s and 50 attempts now: gone',
      'the database works again, after 65 s and 50 failed attempts',
    ])
    expect(book.ongoing).toEqual([])
  })

  it('says when a fault becomes another one, and keeps different ones apart', () => {
    const { log, all } = lines()
    const book = new FaultBook(log, () => 0)
    book.note(fault)
    book.note({ ...fault, detail: '57P01', message: 'shut down' })
    book.note({ ...fault, about: 'topic a', message: 'no such topic' })
    expect(messages(all())).toEqual([
      'gone (trying again by itself)',
      'shut down (trying again by itself)',
      'no such topic (trying again by itself)',
    ])
    expect(book.ongoing).toHaveLength(2)
  })
})

describe('Narrator', () => {
  it('one line per change, none per event', async () => {
    const { log, all } = lines()
    const table = new MemoryOutbox()
    for (let n = 0; n < 500; n++) table.insert()
    const publisher = memoryPublisher()
    const relay = createRelay({ source: memorySource(table, { batchEvents: 10 }), publisher })
    new Narrator(log, () => performance.now()).attach(relay, publisher)
    await relay.start()
    while (relay.metrics().settled < 500) await new Promise((resolve) => setTimeout(resolve, 5))
    await relay.stop()
    expect(all().map(({ event }) => event)).toEqual(['owner', 'broker', 'waiting', 'first-published'])
  })

  it.each([
    ['a-relay', 'standby: another relay publishes (epoch 4); this one takes over when it ends'],
    [
      'dev:a-relay',
      'standby: outboxkit dev has the events (epoch 4); they do not reach Kafka while it runs. This relay takes over when it ends',
    ],
  ])('says what becomes of events while %s has them', async (owner, said) => {
    const { log, all } = lines()
    const table = new MemoryOutbox()
    Object.assign(table.lease, { owner, epoch: 4, expiresAt: Infinity })
    const publisher = memoryPublisher()
    const relay = createRelay({ source: memorySource(table), publisher })
    new Narrator(log, () => performance.now()).attach(relay, publisher)
    await relay.start()
    await relay.stop()
    expect(messages(all())[0]).toBe(said)
  })

  it('a held key is one line, whatever waits behind it; very many keys are counted', async () => {
    const { log, all } = lines()
    const table = new MemoryOutbox()
    for (let n = 0; n < 30; n++) table.insert({ aggregateId: '1' })
    for (let n = 0; n < 40; n++) table.insert({ aggregateId: `many-${n}` })
    const publisher = memoryPublisher()
    const rejecting = {
      ...publisher,
      name: 'rejecting',
      topicOf: publisher.topicOf.bind(publisher),
      publish: async (events: readonly unknown[]) =>
        events.map(() => ({
          status: 'reject' as const,
          error: new OutboxError('OUTBOX_PUBLISH_REJECTED', 'too large'),
          topic: null,
        })),
      close: async () => undefined,
    }
    const relay = createRelay({ source: memorySource(table), publisher: rejecting })
    const narrator = new Narrator(log, () => performance.now())
    narrator.attach(relay, rejecting)
    await relay.start()
    while (table.held.size < 70) await new Promise((resolve) => setTimeout(resolve, 5))
    await relay.stop()
    narrator.summarise()
    const held = all().filter(({ event }) => event === 'held')
    expect(held).toHaveLength(20)
    expect(held[0]?.['msg']).toMatch(/\(see `outboxkit dead list`\)$/)
    expect(held.filter(({ scope }) => scope === '5:order:1')).toHaveLength(1)
    expect(all().filter(({ event }) => event === 'more-held')).toMatchObject([{ count: 21 }])
  })
})
