import { schemaSql } from '@outboxkit/core'
import { createRelay } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import {
  freshDatabase,
  freshSchema,
  uniqueName,
  type FreshDatabase,
  type FreshSchema,
} from '../../../test-matrix/services/test-context.js'
import type { ResolvedOutbox } from '../src/config/resolved.js'
import type { DevOptions } from '../src/dev/dev.js'
import { configOf } from '../test/support/config.js'
import { RunningDev, type Line } from './dev-support.js'
import { createTables, outboxOf } from './doctor-support.js'

let tables: FreshSchema
let running: RunningDev[]
beforeEach(async () => {
  running = []
  tables = await freshSchema(inject('postgresUrl'), 'dev')
})
afterEach(async () => {
  for (const started of running) await started.stop()
  await tables.drop()
})

const create = (): Promise<void> => createTables('postgres', (statement) => tables.query(statement))

function dev(options: Partial<DevOptions> = {}): RunningDev {
  const started = new RunningDev(outboxOf(tables), options)
  running.push(started)
  return started
}

const emit = (id: string, type = 'order.placed', aggregateType = 'order'): Promise<unknown> =>
  tables.query(
    `insert into outbox (id, aggregatetype, aggregateid, type, payload, headers)
    values (gen_random_uuid(), $3, $1, $2, '{"total": 12}', '{"tenant":"acme"}')`,
    [id, type, aggregateType],
  )
const waiting = async (): Promise<number> => (await tables.query('select from outbox')).length
const lease = async (): Promise<Line | undefined> =>
  (await tables.query<{ owner: string | null }>('select owner, epoch::int, fingerprint from outbox_lease'))[0]

/** A relay of production has been here: it has published one event, and ended cleanly or not. */
async function serve(): Promise<void> {
  const publisher = memoryPublisher()
  const relay = createRelay({ source: outboxOf(tables).createSource(), publisher })
  await emit('0')
  await relay.start()
  await publisher.waitFor(1)
  await relay.stop()
}

describe('dev where nobody has published', () => {
  it('is the relay: shows each event, says what is held and why, and leaves no trace', async () => {
    await create()
    const shown = dev()
    await shown.until('waiting')
    await emit('42')
    await emit('7', 'order.lost', 'bad topic')
    const [event] = await shown.events(1)
    expect(event).toMatchObject({
      topic: 'outbox.event.order',
      key: '42',
      type: 'order.placed',
      payload: '{"total": 12}',
      headers: { tenant: 'acme' },
    })
    await expect.poll(() => shown.of('held')).toMatchObject([{ key: '7', code: 'OUTBOX_PUBLISH_REJECTED' }])
    await expect.poll(waiting).toBe(0)
    await shown.stop()
    expect(await lease()).toEqual({ owner: null, epoch: 1, fingerprint: null })
    // the next one is the relay again, and tells what waits
    const again = dev()
    await again.until('waiting')
    expect(again.of('held-before')).toMatchObject([{ events: 1, code: 'OUTBOX_PUBLISH_REJECTED' }])
  })

  it('says once what doctor would say of the database', async () => {
    await create()
    const shown = dev()
    await shown.until('waiting')
    const checks = shown.of('finding').map(({ check }) => check)
    expect(checks).toContain('fsync')
    expect(new Set(checks).size).toBe(checks.length)
    expect(checks).not.toContain('lease')
  })

  it('waits for the tables, and says how to make them', async () => {
    const shown = dev()
    expect(await shown.until('tables-missing')).toMatchObject({
      text: expect.stringContaining('npx knex migrate:latest (npx outboxkit generate writes'),
    })
    await create()
    await shown.until('waiting')
    expect(shown.of('state').filter(({ state }) => state === 'tables-missing')).toHaveLength(1)
  })

  it('can be told to keep events: nothing is written', async () => {
    await create()
    const shown = dev({ wish: 'keep' })
    await shown.until('look')
    await emit('1')
    await emit('2')
    expect((await shown.events(2)).map(({ key }) => key)).toEqual(['1', '2'])
    await shown.stop()
    expect(shown.of('event')).toHaveLength(2)
    expect(await waiting()).toBe(2)
    expect(await lease()).toBeUndefined()
  })

  it.each(['a key of the configuration', 'a source that the file makes'])(
    'archives nothing, whatever the configuration says (%s): a replay would send what Kafka never got',
    async (how) => {
      for (const statement of schemaSql('postgres', { with: ['archive'] })) await tables.query(statement)
      const options = { cleanup: 'archive', retentionMs: 86_400_000 } as const
      const { outboxes } = await configOf(
        how.startsWith('a key')
          ? { database: { url: tables.url }, ...options }
          : { source: postgresSource({ url: tables.url, ...options }) },
      )
      const shown = new RunningDev(outboxes[0] as ResolvedOutbox)
      running.push(shown)
      await shown.until('waiting')
      await emit('1')
      await shown.events(1)
      await expect.poll(waiting).toBe(0)
      expect(await tables.query('select from outbox_archive')).toHaveLength(0)
    },
  )

  it('a relay that stands by meanwhile can tell by the owner that it is dev', async () => {
    await create()
    const shown = dev()
    await shown.until('waiting')
    expect(await lease()).toMatchObject({ owner: expect.stringMatching(/^dev:[\w.-]+\/\d+\/[0-9a-f]{12}$/) })
    const second = dev()
    expect(await second.until('standby')).toMatchObject({
      text: expect.stringMatching(/^Another outboxkit dev \(dev:/),
    })
  })

  it('a second one stands by, and takes over', async () => {
    await create()
    const first = dev()
    await first.until('waiting')
    const second = dev()
    await second.until('standby')
    await first.stop()
    await second.until('waiting')
    await emit('1')
    expect(await second.events(1)).toMatchObject([{ key: '1' }])
  })
})

describe('dev where a relay has published', () => {
  beforeEach(async () => {
    await create()
    await serve()
  })

  it('only looks: every event stays, and the lease is not touched', async () => {
    const before = await lease()
    const shown = dev()
    expect(await shown.until('look')).toMatchObject({
      reasons: ['a relay has run on this outbox before'],
    })
    await shown.until('waiting')
    await emit('1')
    await shown.events(1)
    await shown.stop()
    expect(await waiting()).toBe(1)
    expect(await lease()).toEqual(before)
  })

  it('takes events when it is told to', async () => {
    const shown = dev({ wish: 'consume' })
    await shown.until('waiting')
    await emit('1')
    await shown.events(1)
    await expect.poll(waiting).toBe(0)
    await shown.stop()
    // and the note of the relay is still there
    expect(await lease()).toMatchObject({ owner: null, fingerprint: expect.any(String) })
  })

  it('and does: it names it, only looks, and refuses to consume', async () => {
    await tables.query(`update outbox_lease set owner = 'the-relay', expires_at = now() + interval '1 hour'`)
    const shown = dev()
    expect(await shown.until('look')).toMatchObject({
      text: expect.stringContaining('the relay the-relay owns the outbox'),
    })
    await emit('1')
    await shown.events(1)
    const refused = new RunningDev(outboxOf(tables), { wish: 'consume' })
    expect(await refused.ended).toMatchObject({
      code: 'OUTBOX_RELAY_STATE',
      message: expect.stringContaining('the-relay owns this outbox (epoch 1)'),
    })
    expect(await waiting()).toBe(1)
    expect(await lease()).toMatchObject({ owner: 'the-relay', epoch: 1 })
  })
})

it('a relay that comes between the first look and the lease: nothing is taken from it', async () => {
  await create()
  const outbox = outboxOf(tables)
  // the relay publishes, and ends, exactly when dev has decided and before it owns the lease
  const shown = new RunningDev({
    ...outbox,
    createSource(options) {
      const source = outbox.createSource(options)
      // diagnose() asks for a source too, and does not open it
      let served: Promise<void> | undefined
      const look = source.leases.look.bind(source.leases)
      source.leases.look = async () => {
        await (served ??= serve())
        return look()
      }
      return source
    },
  })
  running.push(shown)
  await shown.until('look')
  await emit('1')
  await shown.events(1)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await waiting()).toBe(1)
  expect(await lease()).toMatchObject({ owner: null, fingerprint: expect.any(String) })
})

it.each([
  ['and is there', `now() + interval '1 hour'`],
  ['and is gone again', 'now()'],
])('dev that has lost the lease to a relay that came %s does not take it back', async (_, expiry) => {
  await create()
  const shown = dev()
  await shown.until('waiting')
  await tables.query(
    `update outbox_lease set owner = 'the-relay', epoch = epoch + 1, fingerprint = 'its server', expires_at = ${expiry}`,
  )
  await emit('1')
  await shown.until('look')
  // what was shown before the loss was noticed is still there as well
  expect(await waiting()).toBe(1)
  await expect
    .poll(lease)
    .toMatchObject({ fingerprint: 'its server', owner: expiry === 'now()' ? null : 'the-relay' })
})

it.each(['keep', undefined] as const)('dev goes on after its connections are lost (%s)', async (wish) => {
  const database = uniqueName('dev').toLowerCase()
  await tables.query(`create database ${database}`)
  const address = new URL(inject('postgresUrl'))
  address.pathname = database
  const own = new pg.Client({ connectionString: address.href, application_name: 'the test' })
  await own.connect()
  await createTables('postgres', (statement) => own.query(statement))
  const shown = new RunningDev(outboxOf({ url: address.href }), { wish })
  try {
    await shown.until(wish === 'keep' ? 'look' : 'waiting')
    await own.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name <> 'the test'`,
      [database],
    )
    await own.query(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (gen_random_uuid(), 'order', '1', 'order.placed', '{}')`,
    )
    expect(await shown.events(1)).toMatchObject([{ key: '1' }])
    await shown.stop()
    const [lease] = (await own.query<Line>('select owner, fingerprint from outbox_lease')).rows
    expect(lease).toEqual(wish === 'keep' ? undefined : { owner: null, fingerprint: null })
  } finally {
    await own.end()
    await tables.query(`drop database ${database} with (force)`)
  }
})

describe.each(['mysql', 'mariadb'] as const)('dev on %s', (server) => {
  let database: FreshDatabase
  beforeEach(async () => {
    database = await freshDatabase(inject(`${server}Url`), 'dev')
    await createTables('mysql', (statement) => database.query(statement))
  })
  afterEach(() => database.drop())

  const insert = (): Promise<unknown> =>
    database.query(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (uuid(), 'order', '1', 'order.placed', '{}')`,
    )
  const left = async (): Promise<number> => (await database.query('select 1 from outbox')).length

  it('is the relay, or looks, as elsewhere', async () => {
    const shown = new RunningDev(outboxOf(database))
    await shown.until('waiting')
    await insert()
    expect(await shown.events(1)).toMatchObject([{ key: '1', type: 'order.placed' }])
    await expect.poll(left).toBe(0)
    await shown.stop()
    expect(await database.query('select owner, fingerprint from outbox_lease')).toEqual([
      { owner: null, fingerprint: null },
    ])
    await database.query(`update outbox_lease set fingerprint = 'another'`)
    const looking = new RunningDev(outboxOf(database))
    await looking.until('look')
    await insert()
    const [event] = await looking.events(1)
    expect(event?.['createdAt']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    await looking.stop()
    expect(await left()).toBe(1)
  })
})
