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
  datetime,
  index,
  int,
  mysqlSchema,
  mysqlTable,
  smallint,
  uniqueIndex,
} from 'drizzle-orm/mysql-core'
import { propertyOf } from './property.js'

// Written with what Drizzle's functions return, for the reason given in pg-table-types.ts.
type NotNull<Builder extends { notNull(): unknown }> = ReturnType<Builder['notNull']>
type Default<Builder extends { default(value: never): unknown }> = ReturnType<Builder['default']>
type PrimaryKey<Builder extends { primaryKey(): unknown }> = ReturnType<Builder['primaryKey']>
type Text = ReturnType<ReturnType<typeof customType<{ data: string; driverData: string }>>>
type Moment = ReturnType<typeof datetime>
type Integer = ReturnType<typeof int>

// What stands inside `typeof` below is exported: a bundler of declarations would overlook it.
type EventColumns = {
  id: NotNull<Text>
  aggregateType: NotNull<Text>
  aggregateId: Text
  type: NotNull<Text>
  /** JSON text, exactly as it was written: MySQL's JSON type would change it. */
  payload: Text
  headers: Text
  topic: Text
  createdAt: Default<NotNull<Moment>>
}

export type MySqlOutboxColumns = EventColumns & {
  position: ReturnType<PrimaryKey<Integer>['autoincrement']>
}

export type MySqlHeldColumns = EventColumns & {
  position: PrimaryKey<Integer>
  scopeKind: NotNull<Text>
  scope: NotNull<Text>
  code: NotNull<Text>
  reason: NotNull<Text>
  attempts: Default<NotNull<Integer>>
  notBefore: Moment
  heldAt: Default<NotNull<Moment>>
  request: Text
}

export type MySqlLeaseColumns = {
  id: PrimaryKey<Integer>
  owner: Text
  epoch: Default<NotNull<Integer>>
  renewals: Default<NotNull<Integer>>
  expiresAt: Moment
  fingerprint: Text
  logPosition: Text
  suspicion: Text
  schemaVersion: Default<NotNull<Integer>>
}

export type MySqlOutboxTable = ReturnType<typeof mysqlTable<string, MySqlOutboxColumns>>
export type MySqlHeldTable = ReturnType<typeof mysqlTable<string, MySqlHeldColumns>>
export type MySqlLeaseTable = ReturnType<typeof mysqlTable<string, MySqlLeaseColumns>>

/** The tables of Outboxkit; the relay needs all of them. */
export interface MySqlOutboxTables {
  readonly outbox: MySqlOutboxTable
  readonly outboxLease: MySqlLeaseTable
  readonly outboxHeld: MySqlHeldTable
}

type JsonOptions = TableOptions & { readonly payload?: 'json' }

/** The outbox table for MySQL and MariaDB as a Drizzle table. For migrations see {@link mysqlOutboxTables}. */
export function mysqlOutboxTable(options?: JsonOptions): MySqlOutboxTable {
  return tableOf('outbox', options) as MySqlOutboxTable
}

/**
 * All tables of Outboxkit for MySQL and MariaDB. Export them from your Drizzle schema, and drizzle-kit writes
 * the migration:
 *
 *     export const { outbox, outboxLease, outboxHeld } = mysqlOutboxTables()
 */
export function mysqlOutboxTables(options?: JsonOptions): MySqlOutboxTables {
  return {
    outbox: tableOf('outbox', options) as MySqlOutboxTable,
    outboxLease: tableOf('lease', options) as MySqlLeaseTable,
    outboxHeld: tableOf('held', options) as MySqlHeldTable,
  }
}

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
  const create = (
    table.schema === undefined ? mysqlTable : mysqlSchema(table.schema).table
  ) as typeof mysqlTable
  return create(name, columns, (self) => {
    const indexes = definition.indexes.map((entry) => {
      const [first, ...rest] = entry.columns.map((column) => self[propertyOf(column)]) as [never, ...never[]]
      const named = entry.unique ? uniqueIndex : index
      return named(`${name}_${entry.suffix}`).on(first, ...rest)
    })
    // A list works from 0.36 on; its declarations still ask for an object.
    return indexes as never
  })
}

function columnOf(column: Column, isPrimaryKey: boolean): Text {
  // One static type for all builders: what differs is declared above, per table.
  let builder = builderOf(column.name, column.type.mysql) as Text
  if (isPrimaryKey) builder = builder.primaryKey() as Text
  else if (!column.nullable) builder = builder.notNull() as Text
  if (column.default !== undefined) builder = builder.default(sql.raw(column.default.mysql)) as Text
  if (column.identity === true) return (builder as unknown as Integer).autoincrement() as never
  return builder
}

function builderOf(name: string, type: string): unknown {
  switch (type) {
    case 'bigint unsigned':
      return bigint(name, { mode: 'number', unsigned: true })
    case 'int':
      return int(name)
    case 'smallint':
      return smallint(name)
    case 'datetime(6)':
      return datetime(name, { fsp: 6 })
    default:
      // Text with character set and collation, which Drizzle's own columns cannot say on every version.
      return customType<{ data: string; driverData: string }>({ dataType: () => type })(name)
  }
}
