import type { OutboxSchema, OutboxTable, SchemaPart, TableKind } from '@outboxkit/core'

/** A column as the catalogue has it; types and defaults in one spelling for all servers. */
export interface FoundColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly default: string | null
  /** The database numbers the rows: identity, serial, auto_increment. */
  readonly numbered: boolean
  /** PostgreSQL: `generated always`; elsewhere as `numbered`. */
  readonly identity: boolean
}

export interface FoundIndex {
  readonly name: string
  readonly columns: readonly string[]
  readonly unique: boolean
}

export interface FoundTable {
  readonly columns: readonly FoundColumn[]
  readonly primaryKey: readonly string[]
  /** Without the primary key. */
  readonly indexes: readonly FoundIndex[]
  /** PostgreSQL: the column that it is partitioned by. */
  readonly partitionBy: string | undefined
  /** PostgreSQL: there is a partition for what no other one takes. */
  readonly hasDefaultPartition: boolean
  /** MySQL and MariaDB, e.g. `InnoDB`. */
  readonly engine: string | undefined
}

/** Our tables as they are in a database. */
export interface FoundTables {
  readonly table: OutboxTable
  readonly tables: Readonly<Partial<Record<TableKind, FoundTable>>>
  /** Of the lease row; while there is none, what it would get. `undefined`: there is no lease table. */
  readonly schemaVersion: number | undefined
}

/**
 * Which schema the tables are. A part counts as there when all of its tables are; what differs within them is for
 * `compareSchema`. `undefined`: none of ours is there, or only some.
 */
export function schemaOf({ table, tables }: FoundTables): OutboxSchema | undefined {
  const { outbox, lease, held, archive, inbox } = tables
  const isBase = outbox !== undefined && lease !== undefined && held !== undefined
  const parts: SchemaPart[] = []
  if (isBase) parts.push('base')
  if (isBase && archive !== undefined) parts.push('archive')
  if (inbox !== undefined) parts.push('inbox')
  if (isBase && typeOf(outbox, 'deliver_at') !== undefined) parts.push('deliver-at')
  if (parts.length === 0) return undefined
  const id = typeOf(isBase ? outbox : inbox, 'id') ?? 'uuid'
  const payload = typeOf(outbox, 'payload') ?? (table.payload === 'bytes' ? 'bytea' : 'json')
  return {
    table: {
      ...table,
      payload: /bytea|blob|binary/.test(payload) ? 'bytes' : 'json',
      uniqueId: outbox?.indexes.some(({ unique, columns }) => unique && columns.join() === 'id') ?? false,
    },
    parts,
    idType: id === 'uuid' || id.startsWith('char(36)') ? 'uuid' : 'text',
    partitioned: (['outbox', 'archive'] as const).filter(
      (kind) =>
        (kind === 'outbox' ? isBase : parts.includes('archive')) && tables[kind]?.partitionBy !== undefined,
    ),
  }
}

const typeOf = (found: FoundTable | undefined, name: string): string | undefined =>
  found?.columns.find((column) => column.name === name)?.type

/** The database has been changed by a newer program than this one; the number, or `undefined`. */
export function newerVersion(found: FoundTables, latest: number): number | undefined {
  return found.schemaVersion !== undefined && found.schemaVersion > latest ? found.schemaVersion : undefined
}
