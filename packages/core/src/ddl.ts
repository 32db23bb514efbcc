import { OutboxError } from './errors.js'
import { quoteIdentifier, type Dialect } from './statement.js'
import {
  qualifiedName,
  resolveTable,
  tableDefinition,
  tableKinds,
  tableName,
  type Column,
  type OutboxTable,
  type TableDefinition,
  type TableOptions,
} from './table.js'

/**
 * The statements that create the base schema - outbox, lease and held tables - in order, without semicolons.
 * Each is one statement, to be run on its own. Throws `OUTBOX_OPTION_INVALID` for another dialect.
 */
export function createTablesSql(dialect: Dialect, options: TableOptions = {}): string[] {
  requireDialect(dialect, 'createTablesSql()')
  const table = resolveTable(options)
  return tableKinds.flatMap((kind) => createTable(dialect, table, tableDefinition(table, kind)))
}

/** The statements that drop the base schema; undoes {@link createTablesSql}. */
export function dropTablesSql(dialect: Dialect, options: TableOptions = {}): string[] {
  requireDialect(dialect, 'dropTablesSql()')
  const table = resolveTable(options)
  return [...tableKinds]
    .reverse()
    .map((kind) => `drop table if exists ${qualifiedName(table, dialect, kind)}`)
}

function requireDialect(dialect: unknown, what: string): void {
  if (dialect === 'postgres' || dialect === 'mysql') return
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `${what} needs the dialect 'postgres' or 'mysql' (MariaDB too), got ${JSON.stringify(dialect) ?? 'undefined'}.`,
  )
}

function createTable(dialect: Dialect, table: OutboxTable, definition: TableDefinition): string[] {
  const target = qualifiedName(table, dialect, definition.kind)
  const lines = definition.columns.map((column) => columnSql(dialect, column))
  lines.push(`primary key (${quoteIdentifier(dialect, definition.primaryKey)})`)
  const indexes = definition.indexes.map(({ suffix, unique, columns }) => ({
    unique: unique ? 'unique ' : '',
    name: quoteIdentifier(dialect, `${tableName(table, definition.kind)}_${suffix}`),
    columns: columns.map((column) => quoteIdentifier(dialect, column)).join(', '),
  }))
  if (dialect === 'mysql') {
    // Within the table: MySQL 8.0.15 cannot add an index to one that has a default like ours.
    lines.push(...indexes.map((index) => `${index.unique}key ${index.name} (${index.columns})`))
    return [`create table ${target} (\n  ${lines.join(',\n  ')}\n) engine = InnoDB`]
  }
  return [
    `create table ${target} (\n  ${lines.join(',\n  ')}\n)`,
    ...indexes.map((index) => `create ${index.unique}index ${index.name} on ${target} (${index.columns})`),
  ]
}

function columnSql(dialect: Dialect, column: Column): string {
  const parts = [quoteIdentifier(dialect, column.name), column.type[dialect]]
  if (!column.nullable) parts.push('not null')
  if (column.identity === true)
    parts.push(dialect === 'postgres' ? 'generated always as identity' : 'auto_increment')
  if (column.default !== undefined) parts.push(`default ${column.default[dialect]}`)
  return parts.join(' ')
}
