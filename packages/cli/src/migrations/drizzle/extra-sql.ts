import {
  qualifiedName,
  quoteIdentifier,
  schemaSql,
  schemaTables,
  schemaVersionOf,
  type Column,
  type Dialect,
  type OutboxSchema,
  type TableDefinition,
} from '@outboxkit/core'
import type { FoundSchema } from '../generator.js'
import { optionsOf } from '../mark.js'

/**
 * What drizzle-kit cannot say of a schema, as statements that run after its own migration: the character sets of MySQL and
 * MariaDB, partitions of PostgreSQL, and the version in the lease row. `done`: what earlier ones have said already.
 */
export function extraSql(dialect: Dialect, done: FoundSchema, wanted: OutboxSchema): string[] {
  const before = done === undefined ? [] : schemaTables(done).map(({ kind }) => kind)
  const tables = schemaTables(wanted).filter(({ kind }) => !before.includes(kind))
  return [
    ...tables.flatMap((definition) =>
      dialect === 'mysql' ? characterSets(wanted, definition) : partitions(wanted, definition),
    ),
    ...version(dialect, done, wanted),
  ]
}

function characterSets({ table }: OutboxSchema, { kind, columns }: TableDefinition): string[] {
  const changes = columns
    .filter(({ type }) => type.mysql.includes(' character set '))
    .map((column) => `  modify column ${columnText(column)}`)
  return changes.length === 0
    ? []
    : [`alter table ${qualifiedName(table, 'mysql', kind)}\n${changes.join(',\n')}`]
}

function columnText({ name, type, nullable, default: value }: Column): string {
  const parts = [quoteIdentifier('mysql', name), type.mysql, nullable ? 'null' : 'not null']
  return [...parts, ...(value === undefined ? [] : [`default ${value.mysql}`])].join(' ')
}

/** A table cannot be made a partitioned one: it is made again, unless it has rows. */
function partitions(schema: OutboxSchema, { kind, partitionBy }: TableDefinition): string[] {
  if (partitionBy === undefined) return []
  const name = qualifiedName(schema.table, 'postgres', kind)
  const statements = schemaSql('postgres', optionsOf(schema)).filter((statement) =>
    isAbout(statement, schema, kind),
  )
  return [
    `do $outboxkit$ begin
  lock table ${name} in access exclusive mode;
  if exists (select from ${name}) then
    raise exception 'outboxkit: the table has rows already, and can no longer be made a partitioned one';
  end if;
  drop table ${name};
end $outboxkit$`,
    ...statements,
  ]
}

function isAbout(statement: string, { table }: OutboxSchema, kind: TableDefinition['kind']): boolean {
  const name = qualifiedName(table, 'postgres', kind)
  return (
    statement.startsWith(`create table ${name} (`) ||
    statement.includes(` partition of ${name} `) ||
    statement.includes(` on ${name} (`)
  )
}

/** drizzle-kit changes the default; the row that is there already says the version as well. */
function version(dialect: Dialect, done: FoundSchema, wanted: OutboxSchema): string[] {
  if (!wanted.parts.includes('base')) return []
  const [before, after] = [done === undefined ? 1 : schemaVersionOf(done), schemaVersionOf(wanted)]
  if (before === after) return []
  const lease = qualifiedName(wanted.table, dialect, 'lease')
  return [`update ${lease} set ${quoteIdentifier(dialect, 'schema_version')} = ${after}`]
}
