import { describe, expect, it } from 'vitest'
import { outboxMetrics, prometheusText, tableGauges, type OutboxState } from '@outboxkit/relay'

const row = {
  backlog_rows: '10000',
  backlog_age: '12.5',
  held_key: '2',
  held_topic: '0',
  held_time: '0',
  held_age: '100.25',
  lease_owner: 'abc',
  lease_epoch: '7',
  lease_renewals: '3',
  lease_expired_for: '-4.5',
  schema_version: '1',
  relay_error: 'OUTBOX_PUBLISH_RETRY: no broker:\nnone',
  relay_error_age: '30.5',
  error_scope_kind: 'key',
  error_scope: '5:order:1',
  error_code: 'OUTBOX_PUBLISH_REJECTED',
  error_reason: 'too large',
  error_attempts: '1',
  error_age: '99',
  database_time: '1700000000.5',
}

const state: OutboxState = {
  backlog: { rows: 10_000, atLeast: true, oldestAgeSeconds: 12.5 },
  held: {
    key: { rows: 2, atLeast: false },
    topic: { rows: 0, atLeast: false },
    time: { rows: 0, atLeast: false },
    oldestAgeSeconds: 100.25,
  },
  lease: {
    owner: 'abc',
    expired: false,
    expiresInSeconds: 4.5,
    epoch: 7,
    renewals: 3,
    schemaVersion: 1,
    lastError: { code: 'OUTBOX_PUBLISH_RETRY', message: 'no broker:\nnone', ageSeconds: 30.5 },
  },
  lastError: {
    scopeKind: 'key',
    scope: '5:order:1',
    code: 'OUTBOX_PUBLISH_REJECTED',
    reason: 'too large',
    attempts: 1,
    ageSeconds: 99,
  },
  databaseTime: new Date(1_700_000_000_500),
}

describe('outboxMetrics', () => {
  it.each([
    ['a function', async () => [row]],
    ['pg', { query: async () => ({ rows: [row] }) }],
    ['mysql2', { query: async () => [[row], []], execute: async (): Promise<string> => 'not this one' }],
    ['Prisma', { $queryRawUnsafe: async () => [row] }],
    ['Knex', Object.assign(() => 'not this one', { raw: async () => ({ rows: [row] }) })],
    // its `query` is no function
    ['Drizzle', { query: {}, execute: async () => [row] }],
  ])('understands what %s answers', async (_, db) => {
    expect(await outboxMetrics(db as never)).toEqual(state)
  })

  it('an empty outbox on which no relay has run', async () => {
    const empty = Object.fromEntries(Object.keys(row).map((column) => [column, null]))
    const found = await outboxMetrics(async () => [
      { ...empty, backlog_rows: '0', held_key: '0', held_topic: '0', held_time: '0', database_time: '1' },
    ])
    expect(found).toMatchObject({ backlog: { rows: 0, atLeast: false, oldestAgeSeconds: null } })
    expect(found.lease).toBeUndefined()
    expect(found.lastError).toBeUndefined()
  })

  it('refuses a handle that runs no SQL, and a limit that is none', async () => {
    await expect(outboxMetrics({} as never)).rejects.toMatchObject({ code: 'OUTBOX_OPTION_INVALID' })
    await expect(outboxMetrics(undefined as never)).rejects.toMatchObject({ code: 'OUTBOX_OPTION_INVALID' })
    await expect(outboxMetrics(async () => [row], { countUpTo: 0.5 })).rejects.toMatchObject({
      code: 'OUTBOX_OPTION_INVALID',
    })
  })
})

describe('prometheusText', () => {
  it('has every gauge with its help, and escapes the label', () => {
    const text = prometheusText(state, 'a"b\\c\nd')
    for (const { name, help } of tableGauges) expect(text).toContain(`# HELP ${name} ${help}\n`)
    expect(text).toContain('outboxkit_backlog_rows{outbox="a\\"b\\\\c\\nd"} 10000\n')
    expect(text).toContain(',kind="key"} 2\n')
  })
})
