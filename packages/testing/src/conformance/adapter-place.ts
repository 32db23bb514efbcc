import { randomBytes } from 'node:crypto'
import {
  createTablesSql,
  qualifiedName,
  quoteIdentifier,
  resolveTable,
  type OutboxOptions,
  type TableOptions,
} from '@outboxkit/core'
import { onTestFinished } from 'vitest'
import type { AdapterHarness, AdapterUnderTest } from './adapter-harness.js'

/** A stored event as the database tells it: everything as text. */
export interface StoredRow {
  readonly position: string
  readonly id: string
  readonly aggregateType: string
  readonly aggregateId: string | null
  readonly type: string
  /** JSON text as stored, or hexadecimal. */
  readonly payload: string
  readonly headers: string | null
  readonly topic: string | null
}

/** Where the outbox table of a suite's run is: an axis of the suite. */
export interface PlaceSetup {
  readonly table: Omit<TableOptions, 'schema'>
  /** In a schema of its own, next to that of the connection. */
  readonly ownSchema: boolean
}

/** Schemas of the suite's own with the outbox and the business table. */
export interface Place {
  readonly harness: AdapterHarness
  /** The connections' own, quoted. */
  readonly schema: string
  /** Opens a handle that is closed after the test. */
  open(options?: OutboxOptions): Promise<AdapterUnderTest>
  /** The stored events in the order of their positions. */
  events(): Promise<StoredRow[]>
  /** The ids of the business rows, sorted. */
  business(): Promise<string[]>
  /** Number of INSERT statements on the outbox since `clear`; needs the capability `statementTriggers`. */
  inserts(): Promise<number>
  /** Seconds since each event was stored, by the database's clock. */
  ages(): Promise<number[]>
  clear(): Promise<void>
  drop(): Promise<void>
}

/** Makes the schemas and tables. An outbox event of the type `refused` is refused by the database. */
export async function makePlace(harness: AdapterHarness, setup: PlaceSetup): Promise<Place> {
  const { dialect } = harness
  const quote = (name: string): string => quoteIdentifier(dialect, name)
  const schema = `conformance_${randomBytes(6).toString('hex')}`
  const schemas = setup.ownSchema ? [schema, `${schema}_events`] : [schema]
  const outboxSchema = schemas.at(-1) ?? schema
  const table = { ...setup.table, schema: outboxSchema }
  const outbox = qualifiedName(resolveTable(table), dialect)
  const business = `${quote(schema)}.${quote('business')}`
  const counter = `${quote(schema)}.${quote('inserts')}`
  const counts = harness.capabilities.statementTriggers === true

  for (const name of schemas) await harness.query(`create schema ${quote(name)}`)
  for (const sql of [...createTablesSql(dialect, table), ...businessSql(harness, business)])
    await harness.query(sql)
  await harness.query(`alter table ${outbox} add constraint refused check (type <> 'refused')`)
  const counting = { quote, schema, outboxSchema, outbox, counter }
  if (counts) for (const sql of counterSql(harness, counting)) await harness.query(sql)

  return {
    harness,
    schema: quote(schema),
    async open(options = {}) {
      // Named only when it is not the connection's own: both ways are to be tried.
      const place = { ...setup.table, ...(setup.ownSchema ? { schema: outboxSchema } : {}) }
      const app = await harness.open({ schema, options: { ...options, table: place } })
      onTestFinished(() => app.close())
      return app
    },
    async events() {
      return (await harness.query(selectEvents(harness, outbox, table.payload ?? 'json'))) as never
    },
    async business() {
      const rows = await harness.query(`select id from ${business} order by id`)
      return rows.map((row) => String(row['id']))
    },
    async inserts() {
      const rows = await harness.query(`select count(*) as count from ${counter}`)
      return Number(rows[0]?.['count'])
    },
    async ages() {
      const age =
        dialect === 'postgres'
          ? 'extract(epoch from clock_timestamp() - created_at)'
          : 'timestampdiff(second, created_at, utc_timestamp(6))'
      return (await harness.query(`select ${age} as age from ${outbox}`)).map((row) => Number(row['age']))
    },
    async clear() {
      for (const name of counts ? [outbox, business, counter] : [outbox, business])
        await harness.query(`delete from ${name}`)
    },
    async drop() {
      const cascade = dialect === 'postgres' ? ' cascade' : ''
      for (const name of schemas) await harness.query(`drop schema ${quote(name)}${cascade}`)
    },
  }
}

function businessSql({ dialect, capabilities }: AdapterHarness, business: string): string[] {
  const text = dialect === 'postgres' ? 'text' : 'varchar(255)'
  const when = capabilities.deferredConstraints === true ? ' deferrable initially deferred' : ''
  return [
    `create table ${business} (id ${text} primary key, parent ${text}, foreign key (parent) references ${business} (id)${when})`,
  ]
}

function counterSql(
  { dialect }: AdapterHarness,
  names: {
    readonly quote: (name: string) => string
    readonly schema: string
    readonly outboxSchema: string
    readonly outbox: string
    readonly counter: string
  },
): string[] {
  const { quote, outbox, counter } = names
  // The triggers of MySQL are per row, but the time in them is that of the statement: a row for each time counts.
  if (dialect === 'mysql')
    return [
      `create table ${counter} (n datetime(6) primary key)`,
      `create trigger ${quote(names.outboxSchema)}.count_inserts after insert on ${outbox} for each row
         insert into ${counter} values (now(6)) on duplicate key update n = values(n)`,
    ]
  const count = `${quote(names.schema)}.count_insert()`
  return [
    `create table ${counter} (n bigint)`,
    `create function ${count} returns trigger language plpgsql as 'begin insert into ${counter} values (1); return null; end'`,
    `create trigger count_inserts after insert on ${outbox} for each statement execute function ${count}`,
  ]
}

function selectEvents({ dialect }: AdapterHarness, outbox: string, payload: 'json' | 'bytes'): string {
  const [as, hex] =
    dialect === 'postgres'
      ? [(column: string) => `${column}::text`, "encode(payload, 'hex')"]
      : [(column: string) => `cast(${column} as char)`, 'lower(hex(payload))']
  const quote = (name: string): string => quoteIdentifier(dialect, name)
  return `select ${as('position')} as ${quote('position')}, ${as('id')} as ${quote('id')},
    aggregatetype as ${quote('aggregateType')}, aggregateid as ${quote('aggregateId')}, type,
    ${payload === 'bytes' ? hex : as('payload')} as payload, ${as('headers')} as headers, topic
    from ${outbox} order by ${outbox}.position`
}
