import { describe, expect, test } from 'vitest'
import {
  createTablesSql,
  latestSchemaVersion,
  resolveSchema,
  schemaSql,
  schemaTables,
  schemaVersionOf,
  tableDefinition,
  tableKinds,
  upgradeSql,
  type Dialect,
  type SchemaOptions,
} from '../src/index.js'

const dialects: readonly Dialect[] = ['postgres', 'mysql']
const everything = { with: ['archive', 'inbox', 'deliver-at'] } as const satisfies SchemaOptions

describe('resolveSchema()', () => {
  test.for(dialects)('without options it is the base schema, version 1 (%s)', (dialect) => {
    const schema = resolveSchema(dialect)
    expect(schema.parts).toEqual(['base'])
    expect(schemaVersionOf(schema)).toBe(1)
    expect(schemaTables(schema)).toEqual(tableKinds.map((kind) => tableDefinition(schema.table, kind)))
    expect(schemaSql(dialect)).toEqual(createTablesSql(dialect))
  })

  test('what the relay has to know raises the version; the inbox does not', () => {
    const version = (options: SchemaOptions): number => schemaVersionOf(resolveSchema('postgres', options))
    expect(version({ with: ['inbox'] })).toBe(1)
    expect(version({ only: 'inbox' })).toBe(1)
    expect(version({ with: ['archive'] })).toBe(latestSchemaVersion)
    expect(version({ with: ['deliver-at'] })).toBe(latestSchemaVersion)
  })

  test('parts have one order, and are named once', () => {
    expect(resolveSchema('mysql', { with: ['deliver-at', 'inbox', 'inbox'] }).parts).toEqual([
      'base',
      'inbox',
      'deliver-at',
    ])
  })

  test.for([
    [{ with: ['base'] }, 'with must list'],
    [{ with: ['outbox'] }, 'with must list'],
    [{ only: 'archive' }, "only must be 'inbox'"],
    [{ only: 'inbox', with: ['archive'] }, 'cannot be combined with archive'],
    [{ idType: 'ulid' }, "idType must be 'uuid' or 'text'"],
    [{ partitioned: ['held'] }, "partitioned must list 'outbox' or 'archive'"],
    [{ partitioned: ['outbox'], uniqueId: true }, 'cannot have a unique id'],
    [{ nam: 'x' }, 'nam'],
  ] as const)('refuses %j', ([options, message]) => {
    expect(() => resolveSchema('postgres', options as never)).toThrowError(
      expect.objectContaining({
        code: 'OUTBOX_OPTION_INVALID',
        message: expect.stringContaining(message),
      }),
    )
  })

  test('refuses partitions on MySQL, and says why', () => {
    expect(() => resolveSchema('mysql', { partitioned: ['outbox'] })).toThrowError(/PostgreSQL only/)
    expect(resolveSchema('mysql', { with: ['archive'] }).partitioned).toEqual([])
  })
})

describe('upgradeSql()', () => {
  const sql = (dialect: Dialect, from: SchemaOptions | undefined, to: SchemaOptions) =>
    upgradeSql(
      dialect,
      from === undefined ? undefined : resolveSchema(dialect, from),
      resolveSchema(dialect, to),
    )

  test.for(dialects)('from nothing it is schemaSql(), and down drops it in reverse (%s)', (dialect) => {
    const { up, down } = sql(dialect, undefined, everything)
    expect(up).toEqual(schemaSql(dialect, everything))
    expect(down.map((statement) => /(?:outbox)(_\w+)?/.exec(statement)?.[0])).toEqual([
      'outbox_inbox',
      'outbox_archive',
      'outbox_held',
      'outbox_lease',
      'outbox',
    ])
  })

  test.for(dialects)('from itself there is nothing to do (%s)', (dialect) => {
    for (const options of [{}, everything, { only: 'inbox' }] as const)
      expect(sql(dialect, options, options)).toEqual({ up: [], down: [] })
  })

  test('the version is raised last and lowered first', () => {
    const { up, down } = sql('postgres', {}, { with: ['archive', 'deliver-at'] })
    expect(up.at(-1)).toBe('update "outbox_lease" set "schema_version" = 2')
    expect(down.slice(0, 2)).toEqual([
      'alter table "outbox_lease" alter column "schema_version" set default 1',
      'update "outbox_lease" set "schema_version" = 1',
    ])
  })

  test('an archive that is there gets the new column too', () => {
    const { up } = sql('mysql', { with: ['archive'] }, { with: ['archive', 'deliver-at'] })
    expect(up).toEqual(
      ['outbox', 'outbox_held', 'outbox_archive'].map(
        (name) => `alter table \`${name}\` add column \`deliver_at\` datetime(6)`,
      ),
    )
  })

  test('a unique id can be added, not taken away', () => {
    expect(sql('postgres', {}, { uniqueId: true })).toEqual({
      up: ['create unique index "outbox_id" on "outbox" ("id")'],
      down: ['drop index "outbox_id"'],
    })
    expect(() => sql('postgres', { uniqueId: true }, {})).toThrowError(/id is unique/)
  })

  test.for<[SchemaOptions, SchemaOptions, string]>([
    [{}, { payload: 'bytes' }, 'the payload is json, and cannot become bytes'],
    [{}, { idType: 'text' }, 'the id type is uuid, and cannot become text'],
    [{}, { partitioned: ['outbox'] }, 'the outbox table is not partitioned, and cannot become partitioned'],
    [everything, {}, 'archive is there, and is not taken away'],
  ])('%j cannot become %j', ([from, to, message]) => {
    expect(() => sql('postgres', from, to)).toThrowError(
      expect.objectContaining({
        code: 'OUTBOX_OPTION_INVALID',
        message: expect.stringContaining(message),
      }),
    )
  })

  test('a longest name still leaves room for everything made from it', () => {
    const name = 'n'.repeat(45)
    for (const dialect of dialects)
      for (const statement of schemaSql(dialect, { name, uniqueId: true, ...everything }))
        for (const [, identifier] of statement.matchAll(/["`](n+[^"`]*)["`]/g))
          expect(identifier?.length).toBeLessThanOrEqual(63)
  })
})
