import { qualifiedName, type OutboxTable, type TableKind } from '@outboxkit/core'
import type { Database } from '../database/database.js'
import type { FoundColumn, FoundIndex, FoundTable } from './found-tables.js'
import { spellDefault, spellType } from './spelling.js'

interface Described {
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    readonly nullable: boolean
    readonly default: string | null
    readonly identity: '' | 'a' | 'd'
  }[]
  readonly indexes: readonly (FoundIndex & { readonly primary: boolean })[]
  readonly partition_by: string | null
  readonly has_default_partition: boolean
}

/** One JSON object per table, or no row. Valid, whole indexes only: others are no help to a reader. */
const describeTable = `
select json_build_object(
  'columns', (select coalesce(json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'nullable', not a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity) order by a.attnum), '[]')
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'indexes', (select coalesce(json_agg(json_build_object(
      'name', x.relname, 'unique', i.indisunique, 'primary', i.indisprimary,
      'columns', (select json_agg(pg_get_indexdef(i.indexrelid, k::int, false) order by k) from generate_series(1, i.indnkeyatts) k))
      order by x.relname), '[]')
    from pg_index i join pg_class x on x.oid = i.indexrelid
    where i.indrelid = c.oid and i.indisvalid and i.indpred is null),
  'partition_by', (select a.attname from pg_partitioned_table p join pg_attribute a on a.attrelid = p.partrelid
      and a.attnum = p.partattrs[0] where p.partrelid = c.oid),
  'has_default_partition', exists (select from pg_partitioned_table p where p.partrelid = c.oid and p.partdefid <> 0)
)::text as described
from pg_class c where c.oid = to_regclass($1) and c.relkind in ('r', 'p')`

export async function readPostgresTable(
  { query }: Database,
  table: OutboxTable,
  kind: TableKind,
): Promise<FoundTable | undefined> {
  const [row] = await query(describeTable, [qualifiedName(table, 'postgres', kind)])
  if (row === undefined) return undefined
  const described = JSON.parse(String(row['described'])) as Described
  return {
    columns: described.columns.map(toColumn),
    primaryKey: described.indexes.find(({ primary }) => primary)?.columns.map(bareName) ?? [],
    indexes: described.indexes
      .filter(({ primary }) => !primary)
      .map(({ name, columns, unique }) => ({ name, columns: columns.map(bareName), unique })),
    partitionBy: described.partition_by ?? undefined,
    hasDefaultPartition: described.has_default_partition,
    engine: undefined,
  }
}

function toColumn(column: Described['columns'][number]): FoundColumn {
  const isSerial = column.default !== null && column.default.startsWith('nextval(')
  return {
    name: column.name,
    type: spellType('postgres', column.type),
    nullable: column.nullable,
    default: isSerial ? null : spellDefault(column.default),
    numbered: isSerial || column.identity !== '',
    identity: column.identity === 'a',
  }
}

// Expressions stay as they are: no column of ours is called like one.
const bareName = (text: string): string => text.replace(/^"(.*)"$/, '$1')
