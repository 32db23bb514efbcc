import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OutboxState } from '@outboxkit/relay'
import { describe, expect, it } from 'vitest'
import { checks, type CheckId } from '../src/doctor/checks.js'
import { judgeClock, judgeTls } from '../src/doctor/connection.js'
import { fromSource, runFamily, sorted, toFinding, type Problem } from '../src/doctor/finding.js'
import { judgeBrokers, judgeKafkaTls, judgeTopicCreation } from '../src/doctor/kafka/brokers.js'
import { judgeTopic } from '../src/doctor/kafka/topics.js'
import { defaultLimits, humanBytes, humanMs } from '../src/doctor/limits.js'
import { judgeSettings as judgeMysql, type MysqlSettings } from '../src/doctor/mysql/settings.js'
import {
  judgePrepared,
  judgeTransactions as judgeMysqlTransactions,
} from '../src/doctor/mysql/transactions.js'
import { judgeOutbox } from '../src/doctor/outbox.js'
import { judgeSettings as judgePostgres, type PostgresSettings } from '../src/doctor/postgres/settings.js'
import { judgeSlot } from '../src/doctor/postgres/slots.js'
import { judgeUpkeep } from '../src/doctor/postgres/table.js'
import { judgeTransactions } from '../src/doctor/postgres/transactions.js'

const texts = (problems: readonly Problem[]): string[] =>
  problems.map(({ severity, check, found, todo }) => `${severity} ${check}: ${found} → ${todo}`)
const limits = defaultLimits

describe('the page', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/doctor.md'), 'utf8')

  it.each(Object.keys(checks))('has the heading to which %s leads', (check) => {
    expect(page).toContain(`\n### ${check}\n`)
    expect(toFinding({ check: check as CheckId, severity: 'info', found: '', todo: '' }).anchor).toMatch(
      new RegExp(`/docs/doctor\\.md#${check}$`),
    )
  })

  it('has no other heading of a check', () => {
    const headings = [...page.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)
    expect(headings.filter((heading) => !Object.hasOwn(checks, heading ?? ''))).toEqual([])
  })
})

describe('findings', () => {
  it('are there for each check, also when it could not be made', async () => {
    const found = await runFamily({
      checks: ['fsync', 'tables'],
      run: () => Promise.reject(new Error('no right')),
    })
    expect(found.map(({ check, severity }) => `${severity} ${check}`)).toEqual(['info fsync', 'info tables'])
    expect(found[0]?.found).toContain('no right')
    expect(await runFamily({ checks: ['fsync'], run: () => Promise.resolve([]) })).toMatchObject([
      { severity: 'ok' },
    ])
  })

  it('come with the worst first', () => {
    const make = (severity: Problem['severity'], check: CheckId) =>
      toFinding({ severity, check, found: '', todo: '' })
    const order = sorted([
      make('info', 'fsync'),
      make('fatal', 'held'),
      make('warning', 'tables'),
      make('fatal', 'tables'),
    ])
    expect(order.map(({ severity, check }) => `${severity} ${check}`)).toEqual([
      'fatal tables',
      'fatal held',
      'warning tables',
      'info fsync',
    ])
  })

  it('are ok once, and only where nothing else is found', () => {
    const ok = (check: CheckId) => ({
      ...toFinding({ severity: 'info', check, found: '', todo: '' }),
      severity: 'ok' as const,
    })
    const bad = toFinding({ severity: 'fatal', check: 'replica', found: '', todo: '' })
    expect(
      sorted([ok('replica'), bad, ok('fsync'), ok('fsync')]).map(
        ({ severity, check }) => `${severity} ${check}`,
      ),
    ).toEqual(['fatal replica', 'ok fsync'])
  })

  it('of a source of your own keep their severity', () => {
    const found = fromSource({ check: 'my-own', severity: 'fatal', found: 'a', todo: 'b' })
    expect(found).toMatchObject({ severity: 'fatal', found: 'a', todo: 'b' })
  })
})

// What follows cannot be planted on the servers of the tests: another version, another machine's clock, a replica with
// slot synchronisation, a cluster that has lost brokers, a million of something.

describe('PostgreSQL', () => {
  const well: PostgresSettings = {
    version: '18.4',
    settings: {
      full_page_writes: 'on',
      wal_level: 'logical',
      max_replication_slots: '10',
      max_wal_senders: '10',
    },
    isSuperuser: false,
    role: 'relay',
    connectionLimits: [-1, -1],
    connectionsLeft: 90,
  }
  const settings = (changed: Partial<PostgresSettings>): string[] =>
    texts(judgePostgres({ ...well, ...changed }))

  it('is well', () => expect(settings({})).toEqual([]))

  it('of a version that is not tested', () => {
    expect(settings({ version: '13.2' })).toEqual([expect.stringMatching(/^warning server-version: .*older/)])
    expect(settings({ version: '19beta1' })).toEqual([expect.stringMatching(/^info server-version: .*newer/)])
  })

  it('without logical decoding, or room', () => {
    expect(settings({ settings: { ...well.settings, wal_level: 'replica' } })).toEqual([
      expect.stringContaining('info log-source: wal_level is replica'),
    ])
    expect(settings({ connectionsLeft: 1 })).toEqual([expect.stringContaining('warning connections')])
  })

  const slot = { slot_name: 'reader', slot_type: 'logical', active: false, temporary: false } as const
  it.each([
    ['an idle one', slot, 64_000_000, 'it keeps 64.0 MB of write-ahead log'],
    ['a temporary synchronised one', { ...slot, temporary: true, synced: true }, 1, 'still temporary'],
    ['a lost one', { ...slot, wal_status: 'lost' }, null, 'is lost'],
    ['an invalidated one', { ...slot, invalidation_reason: 'idle_timeout' }, null, 'is lost (idle_timeout)'],
  ])('slots: %s', (_, found, keptBytes, part) => {
    expect(texts(judgeSlot({ slot: found, keptBytes }))).toEqual([
      expect.stringMatching(new RegExp(`^warning left-over-slots: .*${part.replace(/[()]/g, '\\$&')}`)),
    ])
  })

  it('slots: one that is read, and one of a standby', () => {
    expect(judgeSlot({ slot: { ...slot, active: true }, keptBytes: 1e12 })).toEqual([])
    expect(judgeSlot({ slot: { ...slot, synced: true }, keptBytes: 1 })).toEqual([])
  })

  it('with rows that replicas and slots keep', () => {
    const kept = [
      { kind: 'slot', name: "it's", age: 2_000_000 },
      { kind: 'replica', name: 'standby at 10.0.0.2', age: 2_000_000 },
      { kind: 'replica', name: 'young', age: 10 },
    ] as const
    const found = texts(judgeTransactions({ open: [], hidden: 0, prepared: [], kept }, limits))
    expect(found).toEqual([
      expect.stringContaining(`pg_drop_replication_slot('it''s')`),
      expect.stringMatching(/standby at 10.0.0.2.*hot_standby_feedback/),
    ])
  })

  it('with dead rows that nobody cleans', () => {
    const table = { name: 'outbox', options: [], deadRows: 5_000_000, liveRows: 10, vacuumedMs: null }
    const found = judgeUpkeep({ autovacuum: true, trackCounts: true, tables: [table] }, limits)
    expect(texts(found)).toEqual([expect.stringContaining('5000000 dead rows and was vacuumed never')])
  })
})

describe('MySQL and MariaDB', () => {
  const well: MysqlSettings = {
    version: '9.7.4',
    isMariaDb: false,
    variables: {
      sql_mode: 'STRICT_TRANS_TABLES',
      max_allowed_packet: '67108864',
      max_connections: '151',
      log_bin: 'ON',
      binlog_format: 'ROW',
      binlog_row_image: 'FULL',
      gtid_mode: 'ON',
      innodb_autoinc_lock_mode: '2',
    },
    threadsConnected: 3,
  }
  const payloads = { maxPayloadBytes: 900_000, type: 'json' } as const
  const settings = (changed: Partial<MysqlSettings>): string[] =>
    texts(judgeMysql({ ...well, ...changed }, payloads))
  const set = (variables: Record<string, string>): string[] =>
    settings({ variables: { ...well.variables, ...variables } })

  it('is well', () => {
    expect(settings({})).toEqual([])
    expect(settings({ version: '8.0.14' })).toEqual([])
    expect(settings({ version: '11.8.9-MariaDB', isMariaDb: true })).toEqual([])
  })

  it('of a version that is not tested', () => {
    expect(settings({ version: '10.0.1' })).toEqual([
      expect.stringContaining('info server-version: MySQL 10.0.1'),
    ])
  })

  it('with a binary log whose replicas number rows in another way', () => {
    expect(set({ binlog_format: 'STATEMENT' })).toEqual([expect.stringContaining('warning binlog-format')])
    expect(set({ log_bin: 'OFF' })).toEqual([expect.stringContaining('info binlog-format')])
  })

  it('with hardly a connection left', () => {
    expect(settings({ threadsConnected: 150 })).toEqual([expect.stringContaining('1 connections left')])
  })

  it('with transactions and undo logs that only some accounts see', () => {
    const prepared = { session: 0, user: '?', ageMs: 600_000 }
    const found = { open: [prepared], historyLength: 2_000_000 }
    expect(texts(judgeMysqlTransactions(found, limits))).toEqual([
      expect.stringContaining('warning prepared-transactions'),
      expect.stringContaining('warning purge-lag: 2000000 undo logs'),
    ])
    expect(texts(judgePrepared(undefined))).toEqual([expect.stringContaining('XA_RECOVER_ADMIN')])
  })
})

describe('the connection', () => {
  it('to a server whose clock differs, more than the way there explains', () => {
    expect(judgeClock({ differenceMs: 1_400, uncertainMs: 500 }, limits)).toEqual([])
    expect(texts(judgeClock({ differenceMs: -90_000, uncertainMs: 5 }, limits))).toEqual([
      expect.stringContaining('1 min 30 s behind the clock of this machine'),
    ])
    expect(texts(judgeClock({ differenceMs: 90_000, uncertainMs: 5 }, limits))[0]).toContain('ahead of')
  })

  it('that is not encrypted', () => {
    expect(judgeTls('db:5432/shop', false, true, { dialect: 'postgres' })).toEqual([])
    expect(judgeTls('localhost:5432/shop', true, false, { dialect: 'postgres' })).toEqual([])
    expect(texts(judgeTls('db:5432/shop', false, false, { dialect: 'postgres' }))).toEqual([
      expect.stringContaining('sslmode=verify-full'),
    ])
    expect(texts(judgeKafkaTls({ brokers: ['kafka:9092'], client: { sasl: {} } }))).toEqual([
      expect.stringContaining('warning kafka-tls'),
    ])
    expect(judgeKafkaTls({ brokers: ['kafka:9092'], client: { ssl: true, sasl: {} } })).toEqual([])
  })
})

describe('the outbox', () => {
  const none = { rows: 0, atLeast: false }
  const state = (schemaVersion: number): OutboxState => ({
    backlog: { ...none, oldestAgeSeconds: null },
    held: { key: none, topic: none, time: none, oldestAgeSeconds: null },
    lease: {
      owner: 'me',
      expired: false,
      expiresInSeconds: 10,
      epoch: 1,
      renewals: 5,
      schemaVersion,
      lastError: undefined,
    },
    lastError: undefined,
    databaseTime: new Date(),
  })

  it('with tables that are too old or too new for this program', () => {
    const versions = { newest: 4, oldest: 3 }
    expect(judgeOutbox(state(3), limits, versions)).toEqual([])
    expect(texts(judgeOutbox(state(2), limits, versions))).toEqual([
      expect.stringContaining('needs 3 or newer'),
    ])
    expect(texts(judgeOutbox(state(5), limits, versions))).toEqual([expect.stringContaining('only knows 4')])
  })
})

describe('Kafka', () => {
  const config = { 'min.insync.replicas': '2', 'max.message.bytes': '1048588', 'cleanup.policy': 'delete' }
  const partition = { partition: 0, leader: 1, replicas: 3, inSync: 3 }
  const topic = (changed: Partial<typeof partition>, more: Record<string, string> = {}): string[] =>
    texts(
      judgeTopic(
        {
          status: 'found',
          name: 'orders',
          partitions: [partition, { ...partition, ...changed }],
          config: { ...config, ...more },
        },
        { maxPayloadBytes: 900_000 },
      ),
    )

  it('is well', () => expect(topic({})).toEqual([]))

  it('without leaders, or with replicas behind', () => {
    expect(topic({ leader: -1 })).toEqual([expect.stringContaining('fatal topic-leaders: 1 of 2')])
    expect(topic({ inSync: 1 })).toEqual([expect.stringMatching(/^fatal topic-leaders: .*fewer in-sync/)])
    expect(topic({ inSync: 2 })).toEqual([expect.stringContaining('warning topic-leaders')])
  })

  it('with one replica that is enough', () => {
    expect(topic({}, { 'min.insync.replicas': '1' })).toEqual([
      expect.stringContaining('warning min-insync-replicas'),
    ])
  })

  it('that may not be looked at', () => {
    const denied = {
      status: 'failed',
      name: 'orders',
      type: 'TOPIC_AUTHORIZATION_FAILED',
      message: 'no',
    } as const
    expect(texts(judgeTopic(denied, { maxPayloadBytes: 1 }))).toEqual([
      expect.stringMatching(/^fatal topics: .*kafka-acls.sh/),
    ])
    expect(texts(judgeTopic({ ...denied, type: '' }, { maxPayloadBytes: 1 }))).toEqual([
      expect.stringContaining('warning topics'),
    ])
  })

  it('that is missing, and will be created', () => {
    const wishes = { maxPayloadBytes: 1, createsTopics: true }
    expect(texts(judgeTopic({ status: 'missing', name: 'orders' }, wishes))).toEqual([
      expect.stringContaining('info topics'),
    ])
  })

  it('whose brokers are not known as data', () => {
    expect(texts(judgeBrokers([]))).toEqual([expect.stringContaining('info brokers')])
  })

  it('with brokers that are named and cannot be reached', () => {
    const up = { address: 'a:9092', origin: 'configured', error: undefined } as const
    const hidden = { address: 'internal:9092', origin: 'advertised', error: 'no such host' } as const
    expect(texts(judgeBrokers([up, hidden]))).toEqual([
      expect.stringMatching(/^fatal brokers: .*advertised.listeners/),
    ])
    const others = ['b', 'c'].map((name) => ({
      ...up,
      address: `${name}:9092`,
      origin: 'advertised' as const,
    }))
    expect(texts(judgeBrokers([up, ...others]))).toEqual([expect.stringContaining('info brokers')])
  })

  it('that creates topics when somebody asks', () => {
    expect(texts(judgeTopicCreation(true))).toEqual([expect.stringContaining('info topic-creation')])
    expect(judgeTopicCreation(undefined)).toEqual([])
  })
})

it('sizes and times are written for people', () => {
  expect([0, 999, 1_500, 90_000, 7_260_000, 273_600_000].map(humanMs)).toEqual([
    '0 ms',
    '999 ms',
    '1 s',
    '1 min 30 s',
    '2 h 1 min',
    '3 d 4 h',
  ])
  expect([0, 999, 1_048_588, 5e9].map(humanBytes)).toEqual(['0 B', '999 B', '1.0 MB', '5.0 GB'])
})
