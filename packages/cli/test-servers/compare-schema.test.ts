import { resolveSchema, resolveTable, schemaSql, upgradeSql, type SchemaOptions } from '@outboxkit/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareSchema, readSchema, schemaOf } from '../src/index.js'
import { freshTestDatabase, servers, type TestDatabase } from './schema-support.js'

const everything = { with: ['archive', 'inbox', 'deliver-at'] } as const satisfies SchemaOptions

describe.each(servers)('%s', (server) => {
  let target: TestDatabase
  beforeEach(async () => {
    target = await freshTestDatabase(server)
  })
  afterEach(() => target[Symbol.asyncDispose]())
  const dialect = server === 'postgres' ? 'postgres' : 'mysql'
  const driftOf = async (options: SchemaOptions = {}): Promise<string[]> => {
    const wanted = resolveSchema(dialect, options)
    const found = await readSchema(target.database, wanted.table)
    return compareSchema(dialect, found, wanted).map(({ level, message }) => `${level}: ${message}`)
  }

  test('an empty database has none of the tables', async () => {
    const found = await readSchema(target.database, resolveTable())
    expect(found.tables).toEqual({})
    expect(found.schemaVersion).toBeUndefined()
    expect(schemaOf(found)).toBeUndefined()
    expect(await driftOf()).toHaveLength(3)
  })

  const shapes: SchemaOptions[] = [
    {},
    everything,
    { only: 'inbox' },
    { payload: 'bytes', uniqueId: true },
    { idType: 'text', ...everything },
    { name: 'Our "events"', ...everything },
    ...(server === 'postgres'
      ? ([
          { partitioned: ['outbox', 'archive'], ...everything },
          { partitioned: [], ...everything },
        ] as const)
      : []),
  ]
  test.for(shapes)('what schemaSql(%j) makes is recognised, without a difference', async (options) => {
    await target.run(schemaSql(dialect, options))
    const wanted = resolveSchema(dialect, options)
    const found = await readSchema(target.database, resolveTable({ name: wanted.table.name }))
    expect(schemaOf(found)).toEqual(wanted)
    expect(await driftOf(options)).toEqual([])
  })

  test('every upgrade ends at the schema that is made at once, and every downgrade where it began', async () => {
    const steps: SchemaOptions[] = [{}, { with: ['inbox'] }, { with: ['inbox', 'archive'] }, everything]
    const schemas = steps.map((options) => resolveSchema(dialect, options))
    for (const [index, schema] of schemas.entries()) {
      await target.run(upgradeSql(dialect, schemas[index - 1], schema).up)
      expect(await driftOf(steps[index])).toEqual([])
      // A relay ran in between: from now on the row says the version.
      if (index === 0) await target.run(['insert into outbox_lease (id) values (1)'])
    }
    for (let index = schemas.length - 1; index >= 0; index--) {
      const schema = schemas[index]
      if (schema === undefined) throw new RangeError('no such step')
      await target.run(upgradeSql(dialect, schemas[index - 1], schema).down)
      expect(await driftOf(steps[index - 1])).toHaveLength(index === 0 ? 3 : 0)
    }
    expect(await target.tableNames()).toEqual([])
  })

  test('says what differs', async () => {
    await target.run(schemaSql(dialect))
    const text = dialect === 'postgres' ? 'varchar(200)' : 'varchar(200) character set latin1'
    await target.run([
      dialect === 'postgres'
        ? 'alter table outbox alter column topic type varchar(200)'
        : `alter table outbox modify topic ${text}`,
      'alter table outbox add column tenant varchar(20)',
      'create index outbox_tenant on outbox (tenant)',
      dialect === 'postgres'
        ? 'alter table outbox_held alter column attempts drop default'
        : 'alter table outbox_held alter column attempts drop default',
      'alter table outbox_lease drop column suspicion',
      dialect === 'postgres'
        ? 'drop index outbox_held_scope'
        : 'alter table outbox_held drop index outbox_held_scope',
    ])
    const drift = (await driftOf()).join('\n').replaceAll(/["`]/g, '')
    expect(drift).toMatch(/error: outbox\.topic is varchar\(200\).*, it should be varchar\(249\)/)
    expect(drift).toContain('warning: outbox has an index that is not ours, outbox_tenant')
    expect(drift).toContain('error: outbox_held.attempts has the default NULL, it should have 0')
    expect(drift).toContain('error: outbox_lease.suspicion is not there')
    expect(drift).toContain('error: outbox_held has no index on (scope_kind, scope, position)')
    expect(drift.split('\n')).toHaveLength(5)
  })

  test('a strange column that every insert would have to fill is an error', async () => {
    await target.run(schemaSql(dialect))
    await target.run(['alter table outbox add column tenant varchar(20) not null'])
    expect((await driftOf()).join()).toContain('tenant is not ours, has no default and takes no NULL')
  })

  test('a version that does not belong to the tables is an error', async () => {
    await target.run(schemaSql(dialect))
    await target.run(['insert into outbox_lease (id, schema_version) values (1, 7)'])
    expect(await driftOf()).toEqual(['error: schema_version is 7, and the tables are those of version 1'])
  })

  test.runIf(server === 'postgres')('a serial column is no always-identity, but numbers', async () => {
    await target.run([
      ...schemaSql(dialect),
      'alter table outbox alter column position drop identity',
      'create sequence s owned by outbox.position',
      "alter table outbox alter column position set default nextval('s')",
    ])
    expect(await driftOf()).toEqual(['warning: "outbox".position should always be numbered by the database'])
  })
})
