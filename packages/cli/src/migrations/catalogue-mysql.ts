import { tableName, type OutboxTable, type TableKind } from '@outboxkit/core'
import type { Database, Row } from '../database/database.js'
import type { FoundColumn, FoundIndex, FoundTable } from './found-tables.js'
import { spellDefault, spellType } from './spelling.js'

// Every column has an alias: MySQL gives the names of information_schema in capitals.

const describeTable = `
select t.table_schema as table_schema, t.table_name as table_name, t.engine as engine
from information_schema.tables t
where t.table_schema = coalesce(?, database()) and t.table_name = ? and t.table_type = 'BASE TABLE'`

const describeColumns = `
select c.column_name as name, c.column_type as type, c.character_set_name as charset, c.collation_name as collation_name,
  c.is_nullable as nullable, c.column_default as column_default, c.extra as extra
from information_schema.columns c where c.table_schema = ? and c.table_name = ? order by c.ordinal_position`

const describeIndexes = `
select s.index_name as name, s.column_name as column_name, s.non_unique as non_unique
from information_schema.statistics s where s.table_schema = ? and s.table_name = ?
order by s.index_name, s.seq_in_index`

export async function readMysqlTable(
  { query }: Database,
  table: OutboxTable,
  kind: TableKind,
): Promise<FoundTable | undefined> {
  const [found] = await query(describeTable, [table.schema ?? null, tableName(table, kind)])
  if (found === undefined) return undefined
  // As the dictionary spells them: that may differ in case from what was asked for.
  const place = [found['table_schema'], found['table_name']]
  const columns = await query(describeColumns, place)
  const indexes = toIndexes(await query(describeIndexes, place))
  return {
    columns: columns.map(toColumn),
    primaryKey: indexes.find(({ name }) => name === 'PRIMARY')?.columns ?? [],
    indexes: indexes.filter(({ name }) => name !== 'PRIMARY'),
    partitionBy: undefined,
    hasDefaultPartition: false,
    engine: String(found['engine']),
  }
}

function toColumn(row: Row): FoundColumn {
  const charset = row['charset']
  const type = String(row['type'])
  const text =
    charset == null
      ? type
      : `${type} character set ${String(charset as string)} collate ${String(row['collation_name'])}`
  const isNumbered = /auto_increment/i.test(String(row['extra']))
  return {
    name: String(row['name']).toLowerCase(),
    type: spellType('mysql', text),
    nullable: row['nullable'] === 'YES',
    default: spellDefault(row['column_default'] as string | null),
    numbered: isNumbered,
    identity: isNumbered,
  }
}

function toIndexes(rows: readonly Row[]): FoundIndex[] {
  const indexes = new Map<string, { name: string; columns: string[]; unique: boolean }>()
  for (const row of rows) {
    const name = String(row['name'])
    const index = indexes.get(name) ?? { name, columns: [], unique: Number(row['non_unique']) === 0 }
    index.columns.push(String(row['column_name']))
    indexes.set(name, index)
  }
  return [...indexes.values()]
}
