import { schemaTables } from './definitions.js'
import { OutboxError } from './errors.js'
import { qualifiedDefaultPartition, resolveSchema, type OutboxSchema, type SchemaOptions } from './schema.js'
import { quoteIdentifier, type Dialect } from './statement.js'
import {
  qualifiedName,
  resolveTable,
  tableName,
  type Column,
  type Index,
  type OutboxTable,
  type TableDefinition,
  type TableKind,
  type TableOptions,
} from './table.js'

/**
 * The statements that create the base schema - outbox, lease and held tables - in order, without semicolons.
 * Each is one statement, to be run on its own. Throws `OUTBOX_OPTION_INVALID` for another dialect.
 */
export function createTablesSql(dialect: Dialect, options: TableOptions = {}): string[] {
  requireDialect(dialect, 'createTablesSql()')
  const { name, schema, payload, uniqueId } = resolveTable(options)
  return schemaSql(dialect, { name, payload, uniqueId, ...(schema === undefined ? {} : { schema }) })
}

/** The statements that drop the base schema; undoes {@link createTablesSql}. */
export function dropTablesSql(dialect: Dialect, options: TableOptions = {}): string[] {
  requireDialect(dialect, 'dropTablesSql()')
  return dropSchemaSql(dialect, resolveSchema(dialect, options))
}

/** The statements that create a whole schema, each one to be run on its own. */
export function schemaSql(dialect: Dialect, options: SchemaOptions = {}): string[] {
  requireDialect(dialect, 'schemaSql()')
  return createSchemaSql(dialect, resolveSchema(dialect, options))
}

export function createSchemaSql(dialect: Dialect, schema: OutboxSchema): string[] {
  return schemaTables(schema).flatMap((definition) => createTableSql(dialect, schema.table, definition))
}

/** Undoes {@link createSchemaSql}. */
export function dropSchemaSql(dialect: Dialect, schema: OutboxSchema): string[] {
  return schemaTables(schema)
    .reverse()
    .map(({ kind }) => dropTableSql(dialect, schema.table, kind))
}

function requireDialect(dialect: unknown, what: string): void {
  if (dialect === 'postgres' || dialect === 'mysql') return
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `${what} needs the dialect 'postgres' or 'mysql' (MariaDB too), got ${JSON.stringify(dialect) ?? 'undefined'}.`,
  )
}

export function dropTableSql(dialect: Dialect, table: OutboxTable, kind: TableKind): string {
  return `drop table if exists ${qualifiedName(table, dialect, kind)}`
}

export function createTableSql(dialect: Dialect, table: OutboxTable, definition: TableDefinition): string[] {
  const target = qualifiedName(table, dialect, definition.kind)
  const lines = definition.columns.map((column) => columnSql(dialect, column))
  lines.push(`primary key (${columnList(dialect, definition.primaryKey)})`)
  if (dialect === 'mysql') {
    // Within the table: MySQL 8.0.15 cannot add an index to one that has a default like ours.
    lines.push(
      ...definition.indexes.map(
        (index) =>
          `${index.unique ? 'unique ' : ''}key ${indexName(dialect, table, definition, index)} (${columnList(dialect, index.columns)})`,
      ),
    )
    return [`create table ${target} (\n  ${lines.join(',\n  ')}\n) engine = InnoDB`]
  }
  const { partitionBy } = definition
  const partitioned =
    partitionBy === undefined ? '' : ` partition by range (${quoteIdentifier(dialect, partitionBy)})`
  return [
    `create table ${target} (\n  ${lines.join(',\n  ')}\n)${partitioned}`,
    ...definition.indexes.map((index) => createIndexSql(dialect, table, definition, index)),
    // Takes what no other partition does: an insert never fails for want of one.
    ...(partitionBy === undefined
      ? []
      : [`create table ${qualifiedDefaultPartition(table, definition.kind)} partition of ${target} default`]),
  ]
}

/** Adds an index to a table that is there. */
export function createIndexSql(
  dialect: Dialect,
  table: OutboxTable,
  definition: TableDefinition,
  index: Index,
): string {
  const target = qualifiedName(table, dialect, definition.kind)
  const name = indexName(dialect, table, definition, index)
  const columns = columnList(dialect, index.columns)
  const unique = index.unique ? 'unique ' : ''
  return dialect === 'mysql'
    ? `alter table ${target} add ${unique}key ${name} (${columns})`
    : `create ${unique}index ${name} on ${target} (${columns})`
}

export function dropIndexSql(
  dialect: Dialect,
  table: OutboxTable,
  definition: TableDefinition,
  index: Index,
): string {
  const name = indexName(dialect, table, definition, index)
  if (dialect === 'mysql')
    return `alter table ${qualifiedName(table, dialect, definition.kind)} drop key ${name}`
  return `drop index ${table.schema === undefined ? '' : `${quoteIdentifier(dialect, table.schema)}.`}${name}`
}

/** One column as it stands in `create table` and `alter table … add column`. */
export function columnSql(dialect: Dialect, column: Column): string {
  const parts = [quoteIdentifier(dialect, column.name), column.type[dialect]]
  if (!column.nullable) parts.push('not null')
  if (column.identity === true)
    parts.push(dialect === 'postgres' ? 'generated always as identity' : 'auto_increment')
  if (column.default !== undefined) parts.push(`default ${column.default[dialect]}`)
  return parts.join(' ')
}

function indexName(
  dialect: Dialect,
  table: OutboxTable,
  { kind }: TableDefinition,
  { suffix }: Index,
): string {
  return quoteIdentifier(dialect, `${tableName(table, kind)}_${suffix}`)
}

function columnList(dialect: Dialect, columns: readonly string[]): string {
  return columns.map((column) => quoteIdentifier(dialect, column)).join(', ')
}
