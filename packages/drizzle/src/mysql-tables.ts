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
  datetime,
  index,
  int,
  mysqlSchema,
  mysqlTable,
  primaryKey,
  smallint,
  uniqueIndex,
} from 'drizzle-orm/mysql-core'
import type { MySqlInboxTable, MySqlOutboxTables } from './mysql-table-types.js'
import { defaultOf, exportName, propertyOf, type Definitions } from './property.js'

/**
 * All tables of Outboxkit for MySQL and MariaDB. Export them from your Drizzle schema, and drizzle-kit writes
 * the migration:
 *
 *     export const { outbox, outboxLease, outboxHeld } = mysqlOutboxTables()
 *
 * `with: ['archive', 'inbox']` adds `outboxArchive` and `outboxInbox`, `'deliver-at'` a column. drizzle-kit knows no
 * character sets: they take a migration of their own, which `outboxkit generate` writes.
 */
export function mysqlOutboxTables<Part extends OptionalPart = never, Payload extends PayloadType = 'json'>(
  options?: Definitions<Part, Payload>,
): MySqlOutboxTables<Payload, Part>
export function mysqlOutboxTables(options?: SchemaOptions): unknown {
  const schema = resolveSchema('mysql', options)
  return Object.fromEntries(
    schemaTables(schema).map((definition) => [exportName(definition.kind), tableOf(schema, definition)]),
  )
}

/** The outbox table for MySQL and MariaDB as a Drizzle table. For migrations see {@link mysqlOutboxTables}. */
export function mysqlOutboxTable<Part extends OptionalPart = never, Payload extends PayloadType = 'json'>(
  options?: Definitions<Part, Payload>,
): MySqlOutboxTables<Payload, Part>['outbox']
export function mysqlOutboxTable(options?: SchemaOptions): unknown {
  const schema = resolveSchema('mysql', options)
  return tableOf(schema, schemaTable(schema, 'outbox'))
}

/** The inbox alone, for the database of a consumer that emits nothing; {@link mysqlOutboxTables} has it with the others. */
export function mysqlInboxTable(
  options: Pick<SchemaOptions, 'name' | 'schema' | 'idType'> = {},
): MySqlInboxTable {
  const schema = resolveSchema('mysql', { ...options, only: 'inbox' })
  return tableOf(schema, schemaTable(schema, 'inbox')) as MySqlInboxTable
}

type AnyBuilder = ReturnType<typeof int>

function tableOf({ table }: OutboxSchema, definition: TableDefinition): unknown {
  const key = definition.primaryKey
  const columns = Object.fromEntries(
    definition.columns.map((column) => [
      propertyOf(column.name),
      columnOf(column, key.join() === column.name),
    ]),
  )
  const name = tableName(table, definition.kind)
  const create = (
    table.schema === undefined ? mysqlTable : mysqlSchema(table.schema).table
  ) as typeof mysqlTable
  return create(name, columns, (self) => {
    const listed = (names: readonly string[]): [never, ...never[]] =>
      names.map((column) => self[propertyOf(column)]) as [never, ...never[]]
    // The name that drizzle-kit finds in a database again; from 1.0 on Drizzle takes none.
    const named = { name: `${name}_${key.join('_')}`, columns: listed(key) }
    const extras = [
      ...(key.length > 1 ? [primaryKey(named as never)] : []),
      ...definition.indexes.map((entry) =>
        (entry.unique ? uniqueIndex : index)(`${name}_${entry.suffix}`).on(...listed(entry.columns)),
      ),
    ]
    // A list works from 0.36 on; its declarations still ask for an object.
    return extras as never
  })
}

function columnOf(column: Column, isPrimaryKey: boolean): AnyBuilder {
  // One static type for all builders: what differs is declared in mysql-table-types.ts, per table.
  let builder = builderOf(column.name, column.type.mysql) as AnyBuilder
  if (isPrimaryKey) builder = builder.primaryKey() as AnyBuilder
  else if (!column.nullable) builder = builder.notNull() as AnyBuilder
  if (column.default !== undefined) {
    const value = defaultOf(column.default.mysql) ?? sql.raw(column.default.mysql)
    builder = builder.default(value as number) as AnyBuilder
  }
  if (column.identity === true) return builder.autoincrement() as never
  return builder
}

const longblob = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'longblob' })

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
    case 'longblob':
      return longblob(name)
    default:
      // Text. Not its character set: drizzle-kit does not read it back, and would change it at every push.
      return customType<{ data: string; driverData: string }>({
        dataType: () => type.replace(/ character set .*$/, ''),
      })(name)
  }
}
