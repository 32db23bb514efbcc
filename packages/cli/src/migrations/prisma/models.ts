import {
  schemaTables,
  tableName,
  type Column,
  type Dialect,
  type OutboxSchema,
  type OutboxTable,
  type TableDefinition,
  type TableKind,
} from '@outboxkit/core'

/** One line of a model: `createdAt DateTime @map("created_at")`. */
export interface PrismaField {
  readonly name: string
  readonly type: string
  readonly attributes: string
  /** Of the table. */
  readonly column: string
}

export interface PrismaModel {
  readonly name: string
  /** Plain name of the table. */
  readonly table: string
  /** For `@@schema`. */
  readonly schema: string | undefined
  readonly fields: readonly PrismaField[]
  /** `@@map(…)` and so on. */
  readonly attributes: readonly string[]
}

/**
 * The tables of a schema as Prisma models, equal to what `prisma db pull` makes of the tables that our SQL creates, so
 * that Prisma finds no difference. `inSchema`: for a datasource that lists its schemas.
 */
export function prismaModels(dialect: Dialect, schema: OutboxSchema, inSchema?: string): PrismaModel[] {
  return schemaTables(schema).map((definition) => modelOf(dialect, schema.table, definition, inSchema))
}

const suffixes: Record<TableKind, string> = {
  outbox: 'Event',
  lease: 'Lease',
  held: 'Held',
  archive: 'Archive',
  inbox: 'Inbox',
}

/** `OutboxEvent` and `OutboxLease` for the tables `outbox` and `outbox_lease`. */
function modelName(table: OutboxTable, kind: TableKind): string {
  const words = table.name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  // Prisma's names begin with a letter.
  return `${/^[A-Za-z]/.test(name) ? '' : 'Outbox'}${name}${suffixes[kind]}`
}

function modelOf(
  dialect: Dialect,
  table: OutboxTable,
  definition: TableDefinition,
  schema: string | undefined,
): PrismaModel {
  const { kind, columns, primaryKey, indexes } = definition
  const name = tableName(table, kind)
  const listed = (list: readonly string[]): string => `[${list.map(fieldName).join(', ')}]`
  return {
    name: modelName(table, kind),
    table: name,
    schema,
    fields: columns.map((column) => fieldOf(dialect, name, column, definition)),
    attributes: [
      ...(primaryKey.length > 1 ? [`@@id(${listed(primaryKey)})`] : []),
      ...indexes
        .filter((index) => !index.unique)
        .map((index) => `@@index(${listed(index.columns)}, map: "${name}_${index.suffix}")`),
      `@@map(${JSON.stringify(name)})`,
      // The relay's own: Prisma has to know the tables, the client does not.
      ...(kind === 'outbox' ? [] : ['@@ignore']),
      ...(schema === undefined ? [] : [`@@schema(${JSON.stringify(schema)})`]),
    ],
  }
}

function fieldOf(
  dialect: Dialect,
  table: string,
  column: Column,
  { primaryKey, indexes }: TableDefinition,
): PrismaField {
  const name = fieldName(column.name)
  const { type, native } = typeOf(column.type[dialect])
  const unique = indexes.find((index) => index.unique && index.columns.join() === column.name)
  const attributes = [
    primaryKey.join() === column.name ? '@id' : undefined,
    unique === undefined ? undefined : `@unique(map: "${table}_${unique.suffix}")`,
    defaultOf(column, dialect),
    name === column.name ? undefined : `@map("${column.name}")`,
    native,
  ]
  return {
    name,
    type: column.nullable ? `${type}?` : type,
    attributes: attributes.filter((attribute) => attribute !== undefined).join(' '),
    column: column.name,
  }
}

const fieldName = (column: string): string =>
  column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())

function defaultOf(column: Column, dialect: Dialect): string | undefined {
  if (column.identity === true) return '@default(autoincrement())'
  const sql = column.default?.[dialect]
  if (sql === undefined) return undefined
  if (/^\d+$/.test(sql)) return `@default(${sql})`
  const [, text] = /^'([^']*)'$/.exec(sql) ?? []
  return `@default(${text === undefined ? `dbgenerated(${JSON.stringify(sql)})` : JSON.stringify(text)})`
}

/** Throws for a type that core has and this function does not know: a mistake of ours. */
function typeOf(sql: string): { type: string; native?: string } {
  const type = sql.replace(/ character set .*$/, '')
  const [, word = '', length = ''] = /^(\w+)\((\d+)\)$/.exec(type) ?? []
  switch (word) {
    case 'varchar':
      return { type: 'String', native: `@db.VarChar(${length})` }
    case 'char':
      return { type: 'String', native: `@db.Char(${length})` }
    case 'datetime':
      return { type: 'DateTime', native: `@db.DateTime(${length})` }
  }
  const known = types[type]
  if (known === undefined) throw new TypeError(`No Prisma type for ${sql}`)
  return known
}

const types: Readonly<Record<string, { type: string; native?: string }>> = {
  bigint: { type: 'BigInt' },
  'bigint unsigned': { type: 'BigInt', native: '@db.UnsignedBigInt' },
  integer: { type: 'Int' },
  int: { type: 'Int' },
  smallint: { type: 'Int', native: '@db.SmallInt' },
  uuid: { type: 'String', native: '@db.Uuid' },
  text: { type: 'String' },
  longtext: { type: 'String', native: '@db.LongText' },
  json: { type: 'Json', native: '@db.Json' },
  bytea: { type: 'Bytes' },
  longblob: { type: 'Bytes', native: '@db.LongBlob' },
  timestamptz: { type: 'DateTime', native: '@db.Timestamptz(6)' },
}
