import { createTablesSql } from '@outboxkit/core'
import { outboxTables, withOutbox, type TableOptions } from '@outboxkit/drizzle'
import { eq, is, SQL } from 'drizzle-orm'
import { getTableConfig, PgDialect } from 'drizzle-orm/pg-core'
import { beforeAll, afterAll, describe, expect, inject, test } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { drivers, version, type OpenDatabase } from './drivers.js'

const url = inject('postgresUrl')

interface ColumnFacts {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly notNull: boolean
  readonly identity: string
  readonly default: string | null
  readonly primary: boolean
}

// what PostgreSQL calls a type, where Drizzle says less
const catalogType = (type: string): string => type.replace(/^varchar/, 'character varying')

function factsOf(table: Parameters<typeof getTableConfig>[0]): ColumnFacts[] {
  const { name, columns } = getTableConfig(table)
  const dialect = new PgDialect()
  return columns.map((column) => ({
    table: name,
    name: column.name,
    type: catalogType(column.getSQLType()),
    notNull: column.notNull,
    identity: column.generatedIdentity?.type ?? '',
    default: is(column.default, SQL)
      ? dialect.sqlToQuery(column.default).sql
      : ((column.default as number | undefined)?.toString() ?? null),
    primary: column.primary,
  }))
}

const catalogColumns = `
  select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as "notNull", case a.attidentity when 'a' then 'always' else a.attidentity::text end as identity,
    pg_get_expr(d.adbin, d.adrelid) as "default", coalesce(a.attnum = any(p.conkey), false) as primary
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  left join pg_constraint p on p.conrelid = c.oid and p.contype = 'p'
  where c.relnamespace = $1::regnamespace and c.relkind = 'r' and c.relname = $2
  order by a.attnum`

describe.each<{ title: string; options: TableOptions }>([
  { title: 'json', options: {} },
  { title: 'bytes, with a name of its own', options: { name: 'events', payload: 'bytes' } },
  { title: 'unique ids', options: { uniqueId: true } },
])(`drizzle ${version}: definitions of the tables, $title`, ({ options }) => {
  let place: FreshSchema
  beforeAll(async () => {
    place = await freshSchema(url, 'drizzle_tables')
    for (const statement of createTablesSql('postgres', options)) await place.query(statement)
  })
  afterAll(() => place.drop())

  test.each(['outbox', 'outboxLease', 'outboxHeld'] as const)('%s is what our DDL makes', async (kind) => {
    const table = outboxTables(options)[kind]
    const facts = factsOf(table)
    const rows = await place.query(catalogColumns, [place.schema, getTableConfig(table).name])
    expect(facts.length).toBeGreaterThan(8)
    expect(facts).toEqual(rows)
  })

  test('the names that are generated', async () => {
    const tables = Object.values(outboxTables(options)).map((table) => getTableConfig(table))
    const expected = tables.flatMap(({ name, indexes }) => [
      // what `primary key` on a column gets
      `${name}_pkey`,
      ...indexes.map(({ config }) => config.name),
    ])
    const rows = await place.query<{ name: string }>(
      'select indexname as name from pg_indexes where schemaname = $1',
      [place.schema],
    )
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(expected))
    const indexes = tables.flatMap((table) => table.indexes.map(({ config }) => config.columns))
    expect(indexes.map((columns) => columns.map((column) => (column as { name: string }).name))).toEqual([
      ...(options.uniqueId === true ? [['id']] : []),
      ['scope_kind', 'scope', 'position'],
    ])
    const unique = await place.query<{ name: string }>(
      `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relnamespace = $1::regnamespace and i.indisunique and not i.indisprimary`,
      [place.schema],
    )
    const declared = tables.flatMap((table) => table.indexes.filter(({ config }) => config.unique))
    expect(unique.map((row) => row.name)).toEqual(declared.map(({ config }) => config.name))
    const name = options.name ?? 'outbox'
    const sequences = await place.query(
      'select sequencename as name from pg_sequences where schemaname = $1',
      [place.schema],
    )
    // the name that drizzle-kit gives an identity without one
    expect(sequences).toEqual([{ name: `${name}_position_seq` }])
  })

  test('the schema', () => {
    const inSchema = outboxTables({ ...options, schema: 'app' })
    expect(Object.values(inSchema).map((table) => getTableConfig(table).schema)).toEqual([
      'app',
      'app',
      'app',
    ])
    expect(getTableConfig(outboxTables({ ...options, schema: 'public' }).outbox).schema).toBeUndefined()
  })
})

describe.each(drivers)(`drizzle ${version} on $name: reading emitted events`, (driver) => {
  let place: FreshSchema
  let opened: OpenDatabase
  beforeAll(async () => {
    place = await freshSchema(url, 'drizzle_rows')
    opened = driver.open(url, place.schema)
  })
  afterAll(async () => {
    await opened.close()
    await place.drop()
  })

  test('json', async () => {
    for (const statement of createTablesSql('postgres')) await place.query(statement)
    const { outbox } = outboxTables({ schema: place.schema })
    const id = await withOutbox(opened.db).transaction((tx) =>
      tx.emit({
        type: 'a',
        aggregateType: 'order',
        aggregateId: 7,
        payload: { n: [1] },
        headers: { tenant: 'x' },
      }),
    )
    const rows = await opened.db.select().from(outbox).where(eq(outbox.aggregateId, '7'))
    expect(rows).toEqual([
      {
        position: 1,
        id,
        aggregateType: 'order',
        aggregateId: '7',
        type: 'a',
        payload: { n: [1] },
        headers: { tenant: 'x' },
        topic: null,
        createdAt: expect.any(Date),
      },
    ])
    expect(Math.abs(Date.now() - Number(rows[0]?.createdAt))).toBeLessThan(60_000)
  })

  test('bytes', async () => {
    const table = { name: 'byte_events', payload: 'bytes', schema: place.schema } as const
    for (const statement of createTablesSql('postgres', table)) await place.query(statement)
    const payload = Uint8Array.of(0, 1, 254, 255)
    await withOutbox(opened.db, { table }).transaction((tx) =>
      tx.emit({ type: 'a', aggregateType: 'order', aggregateId: null, payload }),
    )
    const [row] = await opened.db.select().from(outboxTables(table).outbox)
    expect(Uint8Array.from(row?.payload ?? [])).toEqual(payload)
  })
})
