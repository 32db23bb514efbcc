import {
  resolveTable,
  tableDefinition,
  tableName,
  type Column,
  type TableKind,
  type TableOptions,
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
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import type {
  BytesOptions,
  PgOutboxBytesTable,
  PgOutboxBytesTables,
  PgOutboxTable,
  PgOutboxTables,
} from './pg-table-types.js'
import { propertyOf } from './property.js'

/**
 * The outbox table for PostgreSQL as a Drizzle table, e.g. to read emitted events in a test. `options` as in
 * `withOutbox(db, { table })`. For migrations see {@link outboxTables}.
 */
export function outboxTable(options: BytesOptions): PgOutboxBytesTable
export function outboxTable(options?: TableOptions): PgOutboxTable
export function outboxTable(options?: TableOptions): unknown {
  return tableOf('outbox', options)
}

/**
 * All tables of Outboxkit for PostgreSQL. Export them from your Drizzle schema, and drizzle-kit writes the
 * migration:
 *
 *     export const { outbox, outboxLease, outboxHeld } = outboxTables()
 *
 * With `schema`, export that `pgSchema(…)` as well, so that drizzle-kit creates it.
 */
export function outboxTables(options: BytesOptions): PgOutboxBytesTables
export function outboxTables(options?: TableOptions): PgOutboxTables
export function outboxTables(options?: TableOptions): unknown {
  return {
    outbox: tableOf('outbox', options),
    outboxLease: tableOf('lease', options),
    outboxHeld: tableOf('held', options),
  }
}

type AnyBuilder = ReturnType<typeof text>

function tableOf(kind: TableKind, options?: TableOptions): unknown {
  const table = resolveTable(options)
  const definition = tableDefinition(table, kind)
  const columns = Object.fromEntries(
    definition.columns.map((column) => [
      propertyOf(column.name),
      columnOf(column, definition.primaryKey.includes(column.name)),
    ]),
  )
  const name = tableName(table, kind)
  // Drizzle knows the schema `public` only as the absence of one.
  const create = (
    table.schema === undefined || table.schema === 'public' ? pgTable : pgSchema(table.schema).table
  ) as typeof pgTable
  return create(name, columns, (self) =>
    definition.indexes.map((entry) => {
      const [first, ...rest] = entry.columns.map((column) => self[propertyOf(column)]) as [never, ...never[]]
      const named = entry.unique ? uniqueIndex : index
      return named(`${name}_${entry.suffix}`).on(first, ...rest)
    }),
  )
}

function columnOf(column: Column, isPrimaryKey: boolean): AnyBuilder {
  // One static type for all builders: what differs is declared above, per table.
  let builder = builderOf(column.name, column.type.postgres) as AnyBuilder
  if (isPrimaryKey) builder = builder.primaryKey() as AnyBuilder
  else if (!column.nullable) builder = builder.notNull() as AnyBuilder
  if (column.default !== undefined) builder = builder.default(sql.raw(column.default.postgres)) as AnyBuilder
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
