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

export type TableKind = 'outbox' | 'lease' | 'held'

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
  readonly primaryKey: string
  readonly indexes: readonly Index[]
}

/** Limits that the columns set, in characters. */
export const columnLimits = { aggregateType: 255, aggregateId: 255, type: 255, topic: 249 } as const

// PostgreSQL limits identifiers to 63 bytes and MySQL to 64 characters; `_lease` must still fit.
const longestName = 57

/** Fills in the defaults. Throws `OUTBOX_OPTION_INVALID` for a name that no database accepts. */
export function resolveTable(options: TableOptions = {}): OutboxTable {
  rejectUnknownKeys(options, ['name', 'schema', 'payload', 'uniqueId'], 'The option table')
  const name = options.name ?? 'outbox'
  for (const [option, value] of [
    ['table.name', name],
    ['table.schema', options.schema],
  ] as const) {
    if (value === undefined) continue
    if (value === '' || value.includes('\0') || Buffer.byteLength(value) > longestName)
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `${option} must be 1 to ${longestName} bytes long and free of NUL characters, got ${JSON.stringify(value)}.`,
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

const text255 = {
  postgres: 'varchar(255)',
  mysql: 'varchar(255) character set utf8mb4 collate utf8mb4_bin',
} as const
const longText = { postgres: 'text', mysql: 'longtext character set utf8mb4 collate utf8mb4_bin' } as const
// MySQL's JSON type re-sorts keys and rewrites numbers; text keeps what was written.
const jsonText = { postgres: 'json', mysql: longText.mysql } as const
const moment = { postgres: 'timestamptz', mysql: 'datetime(6)' } as const
const now = { postgres: 'clock_timestamp()', mysql: '(utc_timestamp(6))' } as const
const bigNumber = { postgres: 'bigint', mysql: 'bigint unsigned' } as const

/** What outbox and held rows have in common: the event. */
function eventColumns(payload: PayloadType): readonly Column[] {
  return [
    {
      name: 'id',
      type: { postgres: 'uuid', mysql: 'char(36) character set ascii collate ascii_bin' },
      nullable: false,
    },
    { name: 'aggregatetype', type: text255, nullable: false },
    { name: 'aggregateid', type: text255, nullable: true },
    { name: 'type', type: text255, nullable: false },
    {
      name: 'payload',
      type: payload === 'json' ? jsonText : { postgres: 'bytea', mysql: 'longblob' },
      nullable: true,
    },
    { name: 'headers', type: jsonText, nullable: true },
    {
      name: 'topic',
      type: { postgres: 'varchar(249)', mysql: 'varchar(249) character set utf8mb4 collate utf8mb4_bin' },
      nullable: true,
    },
    // The database's clock, never the application's.
    { name: 'created_at', type: moment, nullable: false, default: now },
  ]
}

/** One of our tables as data; DDL, ORM definitions and checks are all made from it. */
export function tableDefinition(table: OutboxTable, kind: TableKind): TableDefinition {
  if (kind === 'outbox')
    return {
      kind,
      columns: [
        { name: 'position', type: bigNumber, nullable: false, identity: true },
        ...eventColumns(table.payload),
      ],
      primaryKey: 'position',
      indexes: table.uniqueId ? [{ suffix: 'id', columns: ['id'], unique: true }] : [],
    }
  if (kind === 'held')
    return {
      kind,
      columns: [
        { name: 'position', type: bigNumber, nullable: false },
        ...eventColumns(table.payload),
        {
          name: 'scope_kind',
          type: { postgres: 'varchar(8)', mysql: 'varchar(8) character set ascii collate ascii_bin' },
          nullable: false,
        },
        // aggregate type and id together, so longer than either
        {
          name: 'scope',
          type: { postgres: 'varchar(600)', mysql: 'varchar(600) character set utf8mb4 collate utf8mb4_bin' },
          nullable: false,
        },
        {
          name: 'code',
          type: { postgres: 'varchar(64)', mysql: 'varchar(64) character set ascii collate ascii_bin' },
          nullable: false,
        },
        { name: 'reason', type: longText, nullable: false },
        {
          name: 'attempts',
          type: { postgres: 'integer', mysql: 'int' },
          nullable: false,
          default: { postgres: '0', mysql: '0' },
        },
        { name: 'not_before', type: moment, nullable: true },
        { name: 'held_at', type: moment, nullable: false, default: now },
        // What a person asked for (`retry`, `discard`); only the relay that owns the lease acts on it.
        {
          name: 'request',
          type: { postgres: 'varchar(16)', mysql: 'varchar(16) character set ascii collate ascii_bin' },
          nullable: true,
        },
      ],
      primaryKey: 'position',
      indexes: [{ suffix: 'scope', columns: ['scope_kind', 'scope', 'position'], unique: false }],
    }
  return {
    kind,
    columns: [
      // One row: the lease belongs to the table.
      { name: 'id', type: { postgres: 'smallint', mysql: 'smallint' }, nullable: false },
      {
        name: 'owner',
        type: { postgres: 'varchar(64)', mysql: 'varchar(64) character set ascii collate ascii_bin' },
        nullable: true,
      },
      { name: 'epoch', type: bigNumber, nullable: false, default: { postgres: '0', mysql: '0' } },
      { name: 'renewals', type: bigNumber, nullable: false, default: { postgres: '0', mysql: '0' } },
      { name: 'expires_at', type: moment, nullable: true },
      { name: 'fingerprint', type: longText, nullable: true },
      { name: 'log_position', type: longText, nullable: true },
      { name: 'suspicion', type: longText, nullable: true },
      {
        name: 'schema_version',
        type: { postgres: 'integer', mysql: 'int' },
        nullable: false,
        default: { postgres: '1', mysql: '1' },
      },
    ],
    primaryKey: 'id',
    indexes: [],
  }
}

export const tableKinds: readonly TableKind[] = ['outbox', 'lease', 'held']
