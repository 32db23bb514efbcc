import {
  qualifiedName,
  schemaTables,
  schemaVersionOf,
  type Column,
  type Dialect,
  type OutboxSchema,
  type TableDefinition,
  type TableKind,
} from '@outboxkit/core'
import type { FoundColumn, FoundTable, FoundTables } from './found-tables.js'
import { spellDefault, spellType } from './spelling.js'

/** One difference between the tables as they are and as they should be. */
export interface Drift {
  readonly table: TableKind
  readonly column?: string
  /** `error`: events cannot be written or read as promised. `warning`: it works, but is not as we would make it. */
  readonly level: 'error' | 'warning'
  /** One sentence, with what is found and what is wanted. */
  readonly message: string
}

/**
 * What differs from the schema that is wanted; empty: nothing. The order of the columns does not count, nor do
 * columns and tables of others, unless they get in our way.
 */
export function compareSchema(dialect: Dialect, found: FoundTables, wanted: OutboxSchema): Drift[] {
  const drift = schemaTables(wanted).flatMap((definition) => {
    const table = found.tables[definition.kind]
    const name = qualifiedName(wanted.table, dialect, definition.kind)
    return table === undefined
      ? [error(definition.kind, `${name} is not there`)]
      : compareTable(dialect, name, table, definition)
  })
  const version = schemaVersionOf(wanted)
  if (found.schemaVersion !== undefined && wanted.parts.includes('base') && found.schemaVersion !== version)
    drift.push(
      error(
        'lease',
        `schema_version is ${found.schemaVersion}, and the tables are those of version ${version}`,
      ),
    )
  return drift
}

function compareTable(
  dialect: Dialect,
  name: string,
  found: FoundTable,
  definition: TableDefinition,
): Drift[] {
  const { kind, columns } = definition
  return [
    ...columns.flatMap((column) => {
      const other = found.columns.find((candidate) => candidate.name === column.name)
      return compareColumn(dialect, name, kind, hidden(dialect, definition, other, column), column)
    }),
    ...strangeColumns(name, found, definition),
    ...compareIndexes(name, found, definition),
    ...comparePartitions(name, found, definition),
    ...(found.engine === undefined || found.engine.toLowerCase() === 'innodb'
      ? []
      : [error(kind, `${name} has the engine ${found.engine}, without transactions`)]),
  ]
}

/** MySQL 8.0.15 has a default that is an expression, but does not show it for a column of the primary key. */
function hidden(
  dialect: Dialect,
  { primaryKey }: TableDefinition,
  found: FoundColumn | undefined,
  wanted: Column,
): FoundColumn | undefined {
  const isHidden = dialect === 'mysql' && found?.default === null && primaryKey.includes(wanted.name)
  return isHidden ? { ...found, default: spellDefault(wanted.default?.mysql) } : found
}

/** Columns of others may stay, unless our inserts fail for them. */
function strangeColumns(name: string, found: FoundTable, { kind, columns }: TableDefinition): Drift[] {
  return found.columns
    .filter(
      (column) =>
        columns.every((ours) => ours.name !== column.name) &&
        !column.nullable &&
        column.default === null &&
        !column.numbered,
    )
    .map((column) =>
      error(
        kind,
        `${name}.${column.name} is not ours, has no default and takes no NULL: our inserts fail`,
        column.name,
      ),
    )
}

function compareIndexes(name: string, found: FoundTable, definition: TableDefinition): Drift[] {
  const { kind, primaryKey, indexes } = definition
  const drift: Drift[] = []
  if (found.primaryKey.join() !== primaryKey.join())
    drift.push(
      error(
        kind,
        `the primary key of ${name} is (${found.primaryKey.join(', ')}), it should be (${primaryKey.join(', ')})`,
      ),
    )
  const same = (one: { columns: readonly string[] }, other: { columns: readonly string[] }): boolean =>
    one.columns.join() === other.columns.join()
  for (const index of indexes)
    if (!found.indexes.some((other) => same(index, other) && other.unique === index.unique))
      drift.push(
        error(kind, `${name} has no ${index.unique ? 'unique ' : ''}index on (${index.columns.join(', ')})`),
      )
  for (const index of found.indexes)
    if (indexes.every((ours) => !same(ours, index)))
      drift.push(
        warning(
          kind,
          `${name} has an index that is not ours, ${index.name}: every insert and delete pays for it`,
        ),
      )
  return drift
}

function comparePartitions(name: string, found: FoundTable, { kind, partitionBy }: TableDefinition): Drift[] {
  const drift: Drift[] = []
  const shape = (column: string | undefined): string =>
    column === undefined ? 'one table' : `partitioned by ${column}`
  if (found.partitionBy !== partitionBy)
    drift.push(warning(kind, `${name} is ${shape(found.partitionBy)}, it should be ${shape(partitionBy)}`))
  if (found.partitionBy !== undefined && !found.hasDefaultPartition)
    drift.push(error(kind, `${name} has no default partition: an insert fails where no other partition fits`))
  return drift
}

function compareColumn(
  dialect: Dialect,
  name: string,
  kind: TableKind,
  found: FoundColumn | undefined,
  wanted: Column,
): Drift[] {
  const label = `${name}.${wanted.name}`
  if (found === undefined) return [error(kind, `${label} is not there`, wanted.name)]
  const drift: Drift[] = []
  const type = spellType(dialect, wanted.type[dialect])
  if (found.type !== type)
    drift.push(error(kind, `${label} is ${found.type}, it should be ${type}`, wanted.name))
  if (found.nullable !== wanted.nullable)
    drift.push(
      error(
        kind,
        `${label} ${found.nullable ? 'takes NULL and should not' : 'should take NULL'}`,
        wanted.name,
      ),
    )
  const byDefault = spellDefault(wanted.default?.[dialect])
  if (found.default !== byDefault)
    drift.push(
      // Where ours has none, one of theirs is never used.
      (byDefault === null ? warning : error)(
        kind,
        `${label} has the default ${found.default ?? 'NULL'}, it should have ${byDefault ?? 'none'}`,
        wanted.name,
      ),
    )
  if (found.identity !== (wanted.identity === true))
    drift.push(
      // A serial column, or `generated by default`, numbers rows just as well, but takes numbers of others.
      (found.numbered && wanted.identity === true ? warning : error)(
        kind,
        `${label} should ${wanted.identity === true ? 'always be numbered by the database' : 'not be numbered by the database'}`,
        wanted.name,
      ),
    )
  return drift
}

const error = (table: TableKind, message: string, column?: string): Drift => ({
  table,
  level: 'error',
  message,
  ...(column === undefined ? {} : { column }),
})

const warning = (table: TableKind, message: string, column?: string): Drift => ({
  table,
  level: 'warning',
  message,
  ...(column === undefined ? {} : { column }),
})
