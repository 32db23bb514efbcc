import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { outboxMetrics, type OutboxState } from '@outboxkit/relay'
import { Tables as MysqlTables } from './mysql-harness.js'
import { Tables as PostgresTables } from './postgres-harness.js'

interface Stage {
  readonly outbox: string
  readonly lease: string
  readonly held: string
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  dispose(): Promise<void>
}

// Moments in the past and to come, and a session whose time zone is not UTC.
const sql = {
  postgres: {
    ago: (seconds: number) => `clock_timestamp() - interval '${seconds} seconds'`,
    zone: `set time zone 'Asia/Tokyo'`,
    id: 'gen_random_uuid()',
  },
  mysql: {
    ago: (seconds: number) => `utc_timestamp(6) - interval ${seconds} second`,
    zone: `set time_zone = '+09:00'`,
    id: 'uuid()',
  },
}

describe.each([
  ['postgres', 'postgres', () => PostgresTables.create(inject('postgresUrl'))],
  ['mysql', 'mysql', () => MysqlTables.create(inject('mysqlUrl'), {}, true)],
  ['mariadb', 'mysql', () => MysqlTables.create(inject('mariadbUrl'), {}, true)],
] as const)('outboxMetrics on %s', (_, dialect, create) => {
  const { ago, zone, id } = sql[dialect]
  let stage: Stage & { readonly options: { readonly schema?: string } }
  beforeAll(async () => {
    stage = (await create()) as never
    await stage.query(zone)
  })
  afterAll(() => stage?.dispose())

  const look = (countUpTo?: number): Promise<OutboxState> =>
    outboxMetrics((text) => stage.query(text), { dialect, table: stage.options, countUpTo })

  it('says what the tables say, by the clock of the database', async () => {
    expect(await look()).toMatchObject({
      backlog: { rows: 0, atLeast: false, oldestAgeSeconds: null },
      lease: undefined,
      lastError: undefined,
    })
    for (let n = 0; n < 3; n++)
      await stage.query(
        `insert into ${stage.outbox} (id, aggregatetype, type, payload, created_at)
         values (${id}, 'order', 'order.placed', '{}', ${ago(100 - n)})`,
      )
    for (const [position, kind] of [
      [1_000, 'key'],
      [1_001, 'topic'],
      [1_002, 'topic'],
    ])
      await stage.query(
        `insert into ${stage.held} (position, id, aggregatetype, type, created_at, scope_kind, scope, code, reason, attempts, held_at)
         values (${position}, ${id}, 'order', 'order.placed', ${ago(500)}, '${kind}', 'x', 'OUTBOX_PUBLISH_RETRY', 'no', 4, ${ago(50)})`,
      )
    await stage.query(
      `insert into ${stage.lease} (id, owner, epoch, renewals, expires_at) values (1, 'me', 3, 9, ${ago(-30)})`,
    )
    const state = await look()
    expect(state).toMatchObject({
      backlog: { rows: 3, atLeast: false },
      held: { key: { rows: 1 }, topic: { rows: 2 }, time: { rows: 0 } },
      lease: { owner: 'me', expired: false, epoch: 3, renewals: 9, schemaVersion: 1 },
      lastError: { scopeKind: 'topic', scope: 'x', code: 'OUTBOX_PUBLISH_RETRY', reason: 'no', attempts: 4 },
    })
    // Nine hours off, if a session's time zone came in.
    expect(state.backlog.oldestAgeSeconds).toBeGreaterThanOrEqual(100)
    expect(state.backlog.oldestAgeSeconds).toBeLessThan(400)
    expect(state.held.oldestAgeSeconds).toBeGreaterThanOrEqual(500)
    expect(state.held.oldestAgeSeconds).toBeLessThan(800)
    expect(state.lease?.expiresInSeconds).toBeLessThanOrEqual(30)
    expect(state.lastError?.ageSeconds).toBeGreaterThanOrEqual(50)
    expect(Math.abs(state.databaseTime.getTime() - Date.now())).toBeLessThan(600_000)
  })

  it('counts no further than it was told', async () => {
    expect(await look(2)).toMatchObject({
      backlog: { rows: 2, atLeast: true },
      held: { key: { rows: 1, atLeast: false }, topic: { rows: 2, atLeast: true } },
    })
  })

  it('tells an owner whose time has run out from none', async () => {
    await stage.query(`update ${stage.lease} set expires_at = ${ago(5)}`)
    expect(await look()).toMatchObject({ lease: { owner: 'me', expired: true } })
    await stage.query(`update ${stage.lease} set owner = null, expires_at = null`)
    expect(await look()).toMatchObject({ lease: { owner: null, expired: false, expiresInSeconds: null } })
  })
})
