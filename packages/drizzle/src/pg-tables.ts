import {
  resolveSchema,
  schemaTable,
  schemaTables,
  tableName,
  type Column,
  type OptionalPart,
  type OutboxSchema,
  type PayloadType,
  type SchemaOptions,
  type TableDefinition,
} from '@outboxkit/core'
import { sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  index,
  integer,
  json,
  pgSchema,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import type { PgInboxTable, PgOutboxTables } from './pg-table-types.js'
import { defaultOf, exportName, propertyOf, type Definitions } from './property.js'

/**
 * All tables of Outboxkit for PostgreSQL. Export them from your Drizzle schema, and drizzle-kit writes the
 * migration:
 *
 *     export const { outbox, outboxLease, outboxHeld } = outboxTables()
 *
 * With `schema`, export that `pgSchema(…)` as well, so that drizzle-kit creates it. `with: ['archive', 'inbox']` adds
 * `outboxArchive` and `outboxInbox`, `'deliver-at'` a column. drizzle-kit knows no partitions: what `partitioned` asks for
 * takes a migration of its own, which `outboxkit generate` writes.
 */
export function outboxTables<Part extends OptionalPart = never, Payload extends PayloadType = 'json'>(
  options?: Definitions<Part, Payload>,
): PgOutboxTables<Payload, Part>
export function outboxTables(options?: SchemaOptions): unknown {
  const schema = resolveSchema('postgres', options)
  return Object.fromEntries(
    schemaTables(schema).map((definition) => [exportName(definition.kind), tableOf(schema, definition)]),
  )
}

/**
 * The outbox table for PostgreSQL as a Drizzle table, e.g. to read emitted events in a test. `options` as in
 * `withOutbox(db, { table })`. For migrations see {@link outboxTables}.
 */
export function outboxTable<Part extends OptionalPart = never, Payload extends PayloadType = 'json'>(
  options?: Definitions<Part, Payload>,
): PgOutboxTables<Payload, Part>['outbox']
export function outboxTable(options?: SchemaOptions): unknown {
  const schema = resolveSchema('postgres', options)
  return tableOf(schema, schemaTable(schema, 'outbox'))
}

/** The inbox alone, for the database of a consumer that emits nothing; {@link outboxTables} has it with the others. */
export function inboxTable(options: Pick<SchemaOptions, 'name' | 'schema' | 'idType'> = {}): PgInboxTable {
  const schema = resolveSchema('postgres', { ...options, only: 'inbox' })
  return tableOf(schema, schemaTable(schema, 'inbox')) as PgInboxTable
}

type AnyBuilder = ReturnType<typeof text>

function tableOf({ table }: OutboxSchema, definition: TableDefinition): unknown {
  const key = definition.primaryKey
  const columns = Object.fromEntries(
    definition.columns.map((column) => [
      propertyOf(column.name),
      columnOf(column, key.join() === column.name),
    ]),
  )
  const name = tableName(table, definition.kind)
  // Drizzle knows the schema `public` only as the absence of one.
  const create = (
    table.schema === undefined || table.schema === 'public' ? pgTable : pgSchema(table.schema).table
  ) as typeof pgTable
  return create(name, columns, (self) => {
    const listed = (names: readonly string[]): [never, ...never[]] =>
      names.map((column) => self[propertyOf(column)]) as [never, ...never[]]
    return [
      ...(key.length > 1 ? [primaryKey({ name: `${name}_pkey`, columns: listed(key) })] : []),
      ...definition.indexes.map((entry) =>
        (entry.unique ? uniqueIndex : index)(`${name}_${entry.suffix}`).on(...listed(entry.columns)),
      ),
    ]
  })
}

function columnOf(column: Column, isPrimaryKey: boolean): AnyBuilder {
  // One static type for all builders: what differs is declared above, per table.
  let builder = builderOf(column.name, column.type.postgres) as AnyBuilder
  if (isPrimaryKey) builder = builder.primaryKey() as AnyBuilder
  else if (!column.nullable) builder = builder.notNull() as AnyBuilder
  if (column.default !== undefined) {
    const value = defaultOf(column.default.postgres) ?? sql.raw(column.default.postgres)
    builder = builder.default(value as string) as AnyBuilder
  }
  if (column.identity === true)
    return (builder as unknown as ReturnType<typeof integer>).generatedAlwaysAsIdentity() as never
  return builder
}

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' })

/** Throws for a type that core has and this function does not know: a mistake of ours. */
function builderOf(name: string, type: string): unknown {
  const length = /^varchar\((\d+)\)$/.exec(type)?.[1]
  if (length !== undefined) return varchar(name, { length: Number(length) })
  switch (type) {
    case 'uuid':
      return uuid(name)
    case 'bigint':
      return bigint(name, { mode: 'number' })
    case 'integer':
      return integer(name)
    case 'smallint':
      return smallint(name)
    case 'text':
      return text(name)
    case 'json':
      return json(name)
    case 'bytea':
      return bytea(name)
    case 'timestamptz':
      return timestamp(name, { withTimezone: true })
    default:
      throw new TypeError(`No Drizzle column for the type ${type} of ${name}`)
  }
}
