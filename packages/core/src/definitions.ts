import { latestSchemaVersion, schemaVersionOf, type OutboxSchema } from './schema.js'
import type { Column, OutboxTable, TableDefinition, TableKind } from './table.js'

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
const word = (length: number) => ({
  postgres: `varchar(${length})`,
  mysql: `varchar(${length}) character set ascii collate ascii_bin`,
})

/** One of our tables as data; DDL, ORM definitions and checks are all made from it. */
export function tableDefinition(table: OutboxTable, kind: TableKind): TableDefinition {
  return schemaTable({ table, parts: ['base', 'archive', 'inbox'], idType: 'uuid', partitioned: [] }, kind, 1)
}

/** The tables of a schema, in the order in which they are created. */
export function schemaTables(schema: OutboxSchema): TableDefinition[] {
  const kinds: TableKind[] = []
  if (schema.parts.includes('base')) kinds.push('outbox', 'lease', 'held')
  if (schema.parts.includes('archive')) kinds.push('archive')
  if (schema.parts.includes('inbox')) kinds.push('inbox')
  return kinds.map((kind) => schemaTable(schema, kind))
}

/** One table of a schema, whether or not the schema has it. */
export function schemaTable(
  schema: OutboxSchema,
  kind: TableKind,
  version: number = schemaVersionOf(schema),
): TableDefinition {
  const position: Column = { name: 'position', type: bigNumber, nullable: false }
  switch (kind) {
    case 'outbox':
      return {
        kind,
        columns: [{ ...position, identity: true }, ...eventColumns(schema), ...lastColumns(schema)],
        primaryKey: ['position'],
        indexes: schema.table.uniqueId ? [{ suffix: 'id', columns: ['id'], unique: true }] : [],
        ...(schema.partitioned.includes('outbox') ? { partitionBy: 'position' } : {}),
      }
    case 'held':
      return {
        kind,
        columns: [position, ...eventColumns(schema), ...heldColumns, ...lastColumns(schema)],
        primaryKey: ['position'],
        indexes: [{ suffix: 'scope', columns: ['scope_kind', 'scope', 'position'], unique: false }],
      }
    case 'lease':
      return { kind, columns: leaseColumns(version), primaryKey: ['id'], indexes: [] }
    case 'archive':
      return {
        kind,
        columns: [position, ...eventColumns(schema), ...archiveColumns, ...lastColumns(schema)],
        // By time first: replay and retention read ranges of it, and PostgreSQL wants the partition's column inside.
        primaryKey: ['published_at', 'position'],
        indexes: [],
        ...(schema.partitioned.includes('archive') ? { partitionBy: 'published_at' } : {}),
      }
    case 'inbox':
      return {
        kind,
        columns: [
          { name: 'consumer', type: text255, nullable: false },
          idColumn(schema),
          { name: 'claimed_at', type: moment, nullable: false, default: now },
        ],
        primaryKey: ['consumer', 'id'],
        // What is old enough to forget is found without reading everything.
        indexes: [{ suffix: 'claimed', columns: ['claimed_at'], unique: false }],
      }
  }
}

function idColumn({ idType }: OutboxSchema): Column {
  const uuid = { postgres: 'uuid', mysql: 'char(36) character set ascii collate ascii_bin' }
  return { name: 'id', type: idType === 'uuid' ? uuid : text255, nullable: false }
}

/** What outbox, held and archived rows have in common: the event. */
function eventColumns(schema: OutboxSchema): readonly Column[] {
  const bytes = { postgres: 'bytea', mysql: 'longblob' }
  return [
    idColumn(schema),
    { name: 'aggregatetype', type: text255, nullable: false },
    { name: 'aggregateid', type: text255, nullable: true },
    { name: 'type', type: text255, nullable: false },
    { name: 'payload', type: schema.table.payload === 'json' ? jsonText : bytes, nullable: true },
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

/** What came later stands last, as `alter table` puts it. */
function lastColumns({ parts }: OutboxSchema): readonly Column[] {
  return parts.includes('deliver-at') ? [deliverAt] : []
}

/** Not to be published before this moment. */
const deliverAt: Column = { name: 'deliver_at', type: moment, nullable: true }

const heldColumns: readonly Column[] = [
  { name: 'scope_kind', type: word(8), nullable: false },
  // aggregate type and id together, so longer than either
  {
    name: 'scope',
    type: { postgres: 'varchar(600)', mysql: 'varchar(600) character set utf8mb4 collate utf8mb4_bin' },
    nullable: false,
  },
  { name: 'code', type: word(64), nullable: false },
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
  { name: 'request', type: word(16), nullable: true },
]

const archiveColumns: readonly Column[] = [
  { name: 'published_at', type: moment, nullable: false, default: now },
  // `published`, `skipped` or `discarded`: only what was published is ever replayed.
  {
    name: 'outcome',
    type: word(16),
    nullable: false,
    default: { postgres: "'published'", mysql: "'published'" },
  },
]

function leaseColumns(version: number): readonly Column[] {
  if (version > latestSchemaVersion) throw new RangeError(`there is no schema version ${version} yet`)
  return [
    // One row: the lease belongs to the table.
    { name: 'id', type: { postgres: 'smallint', mysql: 'smallint' }, nullable: false },
    { name: 'owner', type: word(64), nullable: true },
    { name: 'epoch', type: bigNumber, nullable: false, default: { postgres: '0', mysql: '0' } },
    { name: 'renewals', type: bigNumber, nullable: false, default: { postgres: '0', mysql: '0' } },
    { name: 'expires_at', type: moment, nullable: true },
    { name: 'fingerprint', type: longText, nullable: true },
    { name: 'log_position', type: longText, nullable: true },
    { name: 'suspicion', type: longText, nullable: true },
    // Of the relay, for people; what concerns one event stands in the held table.
    { name: 'last_error', type: longText, nullable: true },
    { name: 'last_error_at', type: moment, nullable: true },
    {
      name: 'schema_version',
      type: { postgres: 'integer', mysql: 'int' },
      nullable: false,
      // The relay adds the row; a migration that raises the version changes this as well.
      default: { postgres: String(version), mysql: String(version) },
    },
  ]
}
