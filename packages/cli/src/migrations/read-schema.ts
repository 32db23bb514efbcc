import { isOutboxError, qualifiedName, type OutboxTable, type TableKind } from '@outboxkit/core'
import type { Database } from '../database/database.js'
import { readMysqlTable } from './catalogue-mysql.js'
import { readPostgresTable } from './catalogue-postgres.js'
import type { FoundTable, FoundTables } from './found-tables.js'

const kinds: readonly TableKind[] = ['outbox', 'lease', 'held', 'archive', 'inbox']

/** Reads from the catalogue what there is of an outbox. Changes nothing, and needs no right on MySQL but to see the tables. */
export async function readSchema(database: Database, table: OutboxTable): Promise<FoundTables> {
  const read = database.dialect === 'postgres' ? readPostgresTable : readMysqlTable
  const tables: Partial<Record<TableKind, FoundTable>> = {}
  for (const kind of kinds) {
    const found = await read(database, table, kind)
    if (found !== undefined) tables[kind] = found
  }
  return { table, tables, schemaVersion: await readVersion(database, table, tables.lease) }
}

/** Of the row; before the first relay there is none, and the default of the column tells what it will get. */
async function readVersion(
  database: Database,
  table: OutboxTable,
  lease: FoundTable | undefined,
): Promise<number | undefined> {
  const column = lease?.columns.find(({ name }) => name === 'schema_version')
  if (column === undefined) return undefined
  const atFirst = Number(column.default)
  try {
    const [row] = await database.query(
      `select schema_version from ${qualifiedName(table, database.dialect, 'lease')} where id = 1`,
    )
    return Number(row?.['schema_version'] ?? atFirst)
  } catch (error) {
    // Not everybody who may look at the catalogue may read the row.
    if (isDenied(error)) return atFirst
    throw error
  }
}

function isDenied(error: unknown): boolean {
  if (!isOutboxError(error, 'OUTBOX_DATABASE_FAILED')) return false
  return (
    error.details['code'] === '42501' || error.details['errno'] === 1142 || error.details['errno'] === 1143
  )
}
