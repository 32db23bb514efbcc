import { OutboxError } from './errors.js'
import { rejectUnknownKeys } from './known-keys.js'
import { quoteIdentifier, type Dialect } from './statement.js'

/** How the payload column stores a payload: JSON text as written, or bytes. */
export type PayloadType = 'json' | 'bytes'

/** Where the outbox table is. The lease and held tables stand beside it as `<name>_lease` and `<name>_held`. */
export interface TableOptions {
  /** Default `outbox`. */
  readonly name?: string
  /** The schema (PostgreSQL) or database (MySQL). Default: the connection's. */
  readonly schema?: string
  /** Default `json`. */
  readonly payload?: PayloadType
  /**
   * A unique index on the event id, so that the database refuses an id that is in the table already. Default false:
   * an index costs time on every insert, and it knows only what is not published yet.
   */
  readonly uniqueId?: boolean
}

/** {@link TableOptions} with the defaults filled in. */
export interface OutboxTable {
  readonly name: string
  readonly schema: string | undefined
  readonly payload: PayloadType
  readonly uniqueId: boolean
}

/** The tables of the base schema: always there. */
export type BaseTableKind = 'outbox' | 'lease' | 'held'

/** Archive and inbox are there where they were asked for: option `with` of `resolveSchema`. */
export type TableKind = BaseTableKind | 'archive' | 'inbox'

/** One column of one of our tables, with its type in each dialect. */
export interface Column {
  readonly name: string
  readonly type: Readonly<Record<Dialect, string>>
  readonly nullable: boolean
  /** The default as SQL. */
  readonly default?: Readonly<Record<Dialect, string>>
  readonly identity?: boolean
}

export interface Index {
  readonly suffix: string
  readonly columns: readonly string[]
  readonly unique: boolean
}

export interface TableDefinition {
  readonly kind: TableKind
  readonly columns: readonly Column[]
  readonly primaryKey: readonly string[]
  readonly indexes: readonly Index[]
  /** PostgreSQL: partitioned by range of this column, with a default partition `<name>_default`. */
  readonly partitionBy?: string
}

/** Limits that the columns set, in characters. */
export const columnLimits = { aggregateType: 255, aggregateId: 255, type: 255, topic: 249 } as const

// PostgreSQL limits identifiers to 63 bytes and MySQL to 64 characters; `_archive_p20261231` must still fit.
const longestName = 45
const longestSchema = 63

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for a name that no database accepts. */
export function resolveTable(options: TableOptions = {}): OutboxTable {
  rejectUnknownKeys(options, ['name', 'schema', 'payload', 'uniqueId'], 'The option table')
  const name = options.name ?? 'outbox'
  for (const [option, value, longest] of [
    ['table.name', name, longestName],
    ['table.schema', options.schema, longestSchema],
  ] as const) {
    if (value === undefined) continue
    if (value === '' || value.includes('\0') || Buffer.byteLength(value) > longest)
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `${option} must be 1 to ${longest} bytes long and free of NUL characters, got ${JSON.stringify(value)}.`,
      )
  }
  const payload = options.payload ?? 'json'
  if (payload !== 'json' && payload !== 'bytes')
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `table.payload must be 'json' or 'bytes', got ${JSON.stringify(payload)}.`,
    )
  const uniqueId = options.uniqueId ?? false
  if (typeof uniqueId !== 'boolean')
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `table.uniqueId must be true or false, got ${JSON.stringify(uniqueId)}.`,
    )
  return { name, schema: options.schema, payload, uniqueId }
}

/** The plain (unquoted) name of one of the tables. */
export function tableName(table: OutboxTable, kind: TableKind = 'outbox'): string {
  return kind === 'outbox' ? table.name : `${table.name}_${kind}`
}

/** The quoted, schema-qualified name of one of the tables. */
export function qualifiedName(table: OutboxTable, dialect: Dialect, kind: TableKind = 'outbox'): string {
  const name = quoteIdentifier(dialect, tableName(table, kind))
  return table.schema === undefined ? name : `${quoteIdentifier(dialect, table.schema)}.${name}`
}

/** The tables of the base schema, in the order in which they are created. */
export const tableKinds: readonly BaseTableKind[] = ['outbox', 'lease', 'held']
