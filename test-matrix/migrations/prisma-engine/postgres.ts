import { randomUUID } from 'node:crypto'
import {
  ColumnTypeEnum,
  DriverAdapterError,
  type ColumnType,
  type IsolationLevel,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQueryable,
} from '@prisma/driver-adapter-utils'
import pg from 'pg'

/**
 * A driver adapter for the schema engine. Prisma's own `@prisma/adapter-pg` does not know the types of the catalogues,
 * such as `name`, `"char"` and `oid`, and so cannot carry an introspection.
 */
export function postgresAdapter(url: string): SqlMigrationAwareDriverAdapterFactory {
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(url),
    connectToShadowDb: () => openShadow(url),
  }
}

/** Creates the database that the URL names; throws if it is there. */
export async function createDatabase(url: string): Promise<string> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  const administration = await open(withDatabase(url, 'postgres'))
  try {
    await administration.executeScript(`create database ${quoted(name)}`)
    return name
  } finally {
    await administration.dispose()
  }
}

async function openShadow(url: string): Promise<SqlDriverAdapter> {
  const name = `prisma_migrate_shadow_db_${randomUUID()}`
  const administration = await open(url)
  await administration.executeScript(`create database ${quoted(name)}`)
  const shadow = await open(withDatabase(url, name))
  return {
    ...shadow,
    dispose: async () => {
      await shadow.dispose()
      await administration.executeScript(`drop database ${quoted(name)} with (force)`)
      await administration.dispose()
    },
  }
}

async function open(url: string): Promise<SqlDriverAdapter> {
  if (!/^postgres(ql)?:/.test(url)) throw new Error('This build of the schema engine knows PostgreSQL only.')
  const target = new URL(url)
  const schema = target.searchParams.get('schema') ?? 'public'
  target.searchParams.delete('schema')
  const client = new pg.Client({ connectionString: target.href })
  client.on('error', () => undefined)
  await client.connect()
  await client.query(`set search_path = ${quoted(schema)}; set TimeZone = 'UTC'`)
  const queryable = queryableOf(client)
  return {
    ...queryable,
    executeScript: async (script) => void (await told(client.query(script))),
    startTransaction: async (isolation?: IsolationLevel) => {
      await client.query(isolation === undefined ? 'begin' : `begin isolation level ${isolation}`)
      return {
        ...queryable,
        options: { usePhantomQuery: false },
        commit: async () => void (await told(client.query('commit'))),
        rollback: async () => void (await told(client.query('rollback'))),
      }
    },
    getConnectionInfo: () => ({ schemaName: schema, supportsRelationJoins: true }),
    dispose: () => client.end().catch(() => undefined),
  }
}

function queryableOf(client: pg.Client): SqlQueryable {
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    queryRaw: async ({ sql, args }) => {
      const result = await told(
        client.query<unknown[]>({ text: sql, values: args, rowMode: 'array', types: { getTypeParser } }),
      )
      return {
        columnNames: result.fields.map(({ name }) => name),
        columnTypes: result.fields.map(({ dataTypeID }) => columnTypes[dataTypeID] ?? ColumnTypeEnum.Text),
        rows: result.rows,
      }
    },
    executeRaw: async ({ sql, args }) =>
      (await told(client.query({ text: sql, values: args }))).rowCount ?? 0,
  }
}

/** The server's errors in the words of the engine. */
async function told<T>(result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    const { code = '', severity = '', message, detail, column, hint } = error
    throw new DriverAdapterError({
      kind: 'postgres',
      code,
      severity,
      message,
      detail,
      column,
      hint,
      originalCode: code,
      originalMessage: message,
    })
  }
}

/** By object id of the type; everything else, `name` and `regclass` for example, is text. */
const columnTypes: Readonly<Record<number, ColumnType>> = {
  16: ColumnTypeEnum.Boolean,
  17: ColumnTypeEnum.Bytes,
  18: ColumnTypeEnum.Character,
  20: ColumnTypeEnum.Int64,
  21: ColumnTypeEnum.Int32,
  23: ColumnTypeEnum.Int32,
  // oid
  26: ColumnTypeEnum.Int64,
  114: ColumnTypeEnum.Json,
  700: ColumnTypeEnum.Float,
  701: ColumnTypeEnum.Double,
  // "char"[], name[], int2[], int4[], text[], varchar[], int8[], oid[], bool[]
  1000: ColumnTypeEnum.BooleanArray,
  1002: ColumnTypeEnum.CharacterArray,
  1003: ColumnTypeEnum.TextArray,
  1005: ColumnTypeEnum.Int32Array,
  1007: ColumnTypeEnum.Int32Array,
  1009: ColumnTypeEnum.TextArray,
  1015: ColumnTypeEnum.TextArray,
  1016: ColumnTypeEnum.Int64Array,
  1028: ColumnTypeEnum.Int64Array,
  1082: ColumnTypeEnum.Date,
  1083: ColumnTypeEnum.Time,
  1114: ColumnTypeEnum.DateTime,
  1184: ColumnTypeEnum.DateTime,
  1700: ColumnTypeEnum.Numeric,
  2950: ColumnTypeEnum.Uuid,
  3802: ColumnTypeEnum.Json,
}

type Parser = (text: string) => unknown

// As pg itself reads them: booleans, small numbers and lists.
const parsed = new Set([16, 21, 23, 700, 701, 1000, 1005, 1007, 1009, 1015, 1016, 1028])

const textList = 1009
const typeParser = pg.types.getTypeParser as (oid: number, format?: 'text') => Parser

const getTypeParser = ((oid: number, format?: 'text'): Parser => {
  if (parsed.has(oid)) return typeParser(oid, format)
  if (oid === 1002 || oid === 1003) return typeParser(textList, format)
  if (oid === 1114 || oid === 1184) return isoMoment
  return (text) => text
}) as pg.CustomTypesConfig['getTypeParser']

/** `2026-11-24 20:00:00.5+00` as the engine wants it; the session's time zone is UTC. */
const isoMoment = (text: string): string => `${text.replace(' ', 'T').replace(/[+-]\d\d(:\d\d)?$/, '')}+00:00`

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
