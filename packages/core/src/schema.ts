import { OutboxError } from './errors.js'
import { rejectUnknownKeys } from './known-keys.js'
import { quoteIdentifier, type Dialect } from './statement.js'
import { resolveTable, tableName, type OutboxTable, type TableKind, type TableOptions } from './table.js'

/**
 * What a schema is made of. `base`: outbox, lease and held tables. `archive`: the table that published events move to
 * with `cleanup: 'archive'`. `inbox`: the consumer's table of events that it has handled. `deliver-at`: the column
 * `deliver_at`, for events that are to be published later.
 */
export const schemaParts = ['base', 'archive', 'inbox', 'deliver-at'] as const
export type SchemaPart = (typeof schemaParts)[number]
export type OptionalPart = Exclude<SchemaPart, 'base'>

export type PartitionedTable = 'outbox' | 'archive'

/**
 * The version of the schema in which a part appeared. The relay has to know what `archive` and `deliver-at` mean:
 * with one of them the schema has version 2. The inbox is the consumer's: it does not concern the relay.
 */
const versionOfPart: Readonly<Record<SchemaPart, number>> = {
  base: 1,
  inbox: 1,
  archive: 2,
  'deliver-at': 2,
}

/** The newest schema that this program knows. It works with this one and the one before. */
export const latestSchemaVersion = 2

export interface SchemaOptions extends TableOptions {
  /** What there is besides the base schema. Default: nothing. */
  readonly with?: readonly OptionalPart[]
  /** `inbox`: that table alone, for the database of a consumer that emits nothing. */
  readonly only?: 'inbox'
  /**
   * `uuid` (default; on MySQL and MariaDB `char(36)`), or `text`: `varchar(255)`, for rows whose ids others make. The ids of
   * `emit` are UUIDs either way.
   */
  readonly idType?: 'uuid' | 'text'
  /**
   * PostgreSQL only: the outbox by range of position, the archive by range of time, each with a default partition, so that
   * no insert fails for want of one. Default: the archive.
   */
  readonly partitioned?: readonly PartitionedTable[]
}

/** {@link SchemaOptions} with the defaults filled in. */
export interface OutboxSchema {
  readonly table: OutboxTable
  /** In the order of {@link schemaParts}. */
  readonly parts: readonly SchemaPart[]
  readonly idType: 'uuid' | 'text'
  readonly partitioned: readonly PartitionedTable[]
}

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for what no database could have. */
export function resolveSchema(dialect: Dialect, options: SchemaOptions = {}): OutboxSchema {
  const { with: optional = [], only, idType = 'uuid', partitioned, ...tableOptions } = options
  rejectUnknownKeys(tableOptions, ['name', 'schema', 'payload', 'uniqueId'], 'The schema')
  const table = resolveTable(tableOptions)
  for (const part of optional)
    if (part === ('base' as string) || !schemaParts.includes(part))
      invalid(`with must list 'archive', 'inbox' or 'deliver-at', got ${JSON.stringify(part)}.`)
  if (only !== undefined && only !== 'inbox') invalid(`only must be 'inbox', got ${JSON.stringify(only)}.`)
  if (only === 'inbox' && optional.some((part) => part !== 'inbox'))
    invalid(`only: 'inbox' cannot be combined with ${optional.join(', ')}: those belong to the outbox.`)
  if (idType !== 'uuid' && idType !== 'text')
    invalid(`idType must be 'uuid' or 'text', got ${JSON.stringify(idType)}.`)
  const parts = schemaParts.filter((part) =>
    only === 'inbox' ? part === 'inbox' : part === 'base' || optional.includes(part),
  )
  return { table, parts, idType, partitioned: resolvePartitioned(dialect, { table, parts, partitioned }) }
}

function resolvePartitioned(
  dialect: Dialect,
  {
    table,
    parts,
    partitioned,
  }: {
    table: OutboxTable
    parts: readonly SchemaPart[]
    partitioned: readonly PartitionedTable[] | undefined
  },
): readonly PartitionedTable[] {
  for (const name of partitioned ?? [])
    if (name !== 'outbox' && name !== 'archive')
      invalid(`partitioned must list 'outbox' or 'archive', got ${JSON.stringify(name)}.`)
  if (dialect === 'mysql') {
    if (partitioned !== undefined && partitioned.length > 0)
      invalid(
        'Partitions are made on PostgreSQL only: on MySQL and MariaDB the rows of outbox and archive are stored in the order of position and time anyway, so that deleting what is old is cheap, and a new partition would lock out every insert while it is split off.',
      )
    return []
  }
  const wanted = partitioned ?? ['archive']
  if (wanted.includes('outbox') && table.uniqueId)
    invalid(
      'A partitioned outbox cannot have a unique id: PostgreSQL wants position in every unique index of it.',
    )
  return (['outbox', 'archive'] as const).filter(
    (name) => wanted.includes(name) && parts.includes(name === 'outbox' ? 'base' : 'archive'),
  )
}

/** The version that the lease row of a schema carries. */
export function schemaVersionOf(schema: OutboxSchema): number {
  return Math.max(...schema.parts.map((part) => versionOfPart[part]))
}

/** Name of the partition that takes what no other one does: plain, as in the catalogue. */
export function defaultPartition(table: OutboxTable, kind: TableKind): string {
  return `${tableName(table, kind)}_default`
}

/** The same, quoted and with the schema. PostgreSQL. */
export function qualifiedDefaultPartition(table: OutboxTable, kind: TableKind): string {
  const name = quoteIdentifier('postgres', defaultPartition(table, kind))
  return table.schema === undefined ? name : `${quoteIdentifier('postgres', table.schema)}.${name}`
}

function invalid(message: string): never {
  throw new OutboxError('OUTBOX_OPTION_INVALID', message)
}
