import { columnSql, createIndexSql, createTableSql, dropIndexSql, dropTableSql } from './ddl.js'
import { schemaTables } from './definitions.js'
import { OutboxError } from './errors.js'
import { schemaVersionOf, type OutboxSchema } from './schema.js'
import { quoteIdentifier, type Dialect } from './statement.js'
import { qualifiedName, type TableDefinition } from './table.js'

/** One step of a migration: each text is one statement. `down` undoes `up`, in its own order. */
export interface SchemaChange {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/** Which schema a part of the options cannot become: what the rows that are there would not survive. */
export function schemaConflicts(from: OutboxSchema, to: OutboxSchema): string[] {
  const conflicts: string[] = []
  const differ = (what: string, before: string, after: string): void => {
    if (before !== after) conflicts.push(`${what} is ${before}, and cannot become ${after}`)
  }
  differ('the payload', from.table.payload, to.table.payload)
  differ('the id type', from.idType, to.idType)
  for (const [name, part] of [
    ['outbox', 'base'],
    ['archive', 'archive'],
  ] as const)
    if (from.parts.includes(part) && to.parts.includes(part))
      differ(
        `the ${name} table`,
        from.partitioned.includes(name) ? 'partitioned' : 'not partitioned',
        to.partitioned.includes(name) ? 'partitioned' : 'not partitioned',
      )
  if (from.table.uniqueId && !to.table.uniqueId && from.parts.includes('base'))
    conflicts.push('the id is unique, and that is not taken away')
  for (const part of from.parts)
    if (!to.parts.includes(part)) conflicts.push(`${part} is there, and is not taken away`)
  return conflicts
}

/**
 * The statements from one schema to another that has more; `from` undefined: from nothing. Both empty when there is
 * nothing to do. Adding never rewrites or locks a table for long, but for the unique index, which reads the outbox.
 * Throws `OUTBOX_OPTION_INVALID` for what cannot be changed while rows are there.
 */
export function upgradeSql(dialect: Dialect, from: OutboxSchema | undefined, to: OutboxSchema): SchemaChange {
  const conflicts = from === undefined ? [] : schemaConflicts(from, to)
  if (conflicts.length > 0)
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `The tables of ${qualifiedName(to.table, dialect)} cannot be changed like that: ${conflicts.join('; ')}. Leave the option as it was, or make a second outbox under another name.`,
    )
  const before = from === undefined ? [] : schemaTables(from)
  const changes = schemaTables(to).map((definition) =>
    tableChange(
      dialect,
      to,
      before.find(({ kind }) => kind === definition.kind),
      definition,
    ),
  )
  if (from?.parts.includes('base') === true) changes.push(versionChange(dialect, from, to))
  return {
    up: changes.flatMap(({ up }) => up),
    down: changes.toReversed().flatMap(({ down }) => down),
  }
}

function tableChange(
  dialect: Dialect,
  { table }: OutboxSchema,
  before: TableDefinition | undefined,
  after: TableDefinition,
): SchemaChange {
  if (before === undefined)
    return {
      up: createTableSql(dialect, table, after),
      down: [dropTableSql(dialect, table, after.kind)],
    }
  const target = qualifiedName(table, dialect, after.kind)
  const columns = after.columns.filter(({ name }) => before.columns.every((column) => column.name !== name))
  const indexes = after.indexes.filter(({ suffix }) =>
    before.indexes.every((index) => index.suffix !== suffix),
  )
  return {
    up: [
      ...columns.map((column) => `alter table ${target} add column ${columnSql(dialect, column)}`),
      ...indexes.map((index) => createIndexSql(dialect, table, after, index)),
    ],
    down: [
      ...indexes.map((index) => dropIndexSql(dialect, table, after, index)),
      ...columns.map(
        (column) => `alter table ${target} drop column ${quoteIdentifier(dialect, column.name)}`,
      ),
    ],
  }
}

/** Last on the way up, so that an older relay stops only when there is something that it does not know. */
function versionChange(dialect: Dialect, from: OutboxSchema, to: OutboxSchema): SchemaChange {
  const [before, after] = [schemaVersionOf(from), schemaVersionOf(to)]
  if (before === after) return { up: [], down: [] }
  return { up: setVersion(dialect, to, after), down: setVersion(dialect, to, before) }
}

function setVersion(dialect: Dialect, { table }: OutboxSchema, version: number): string[] {
  const lease = qualifiedName(table, dialect, 'lease')
  const column = quoteIdentifier(dialect, 'schema_version')
  return [
    `alter table ${lease} alter column ${column} set default ${version}`,
    `update ${lease} set ${column} = ${version}`,
  ]
}
