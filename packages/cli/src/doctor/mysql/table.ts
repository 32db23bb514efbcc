import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Database } from '../../database/database.js'
import { problem, type Family, type Problem } from '../finding.js'

export interface MysqlPositions {
  readonly name: string
  /** `int unsigned` and the like. */
  readonly type: string
  readonly next: number
  /** `MAXVALUE`, a number, or `null` without partitions. */
  readonly lastPartition: string | null
}

export function positionsFamily({ query }: Database, table: OutboxTable): Family {
  return {
    checks: ['sequence-range', 'partitions'],
    run: async () => {
      const [row] = await query(
        `select c.column_type as type, coalesce(t.auto_increment, 1) as next,
          (select p.partition_description from information_schema.partitions p where p.table_schema = t.table_schema
            and p.table_name = t.table_name order by p.partition_ordinal_position desc limit 1) as last_partition
        from information_schema.tables t join information_schema.columns c
          on c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'position'
        where t.table_schema = coalesce(?, database()) and t.table_name = ?`,
        [table.schema ?? null, table.name],
      )
      if (row === undefined) return []
      return judgePositions({
        name: qualifiedName(table, 'mysql'),
        type: String(row['type']),
        next: Number(row['next']),
        lastPartition: row['last_partition'] == null ? null : (row['last_partition'] as string),
      })
    },
  }
}

const bits: Readonly<Record<string, number>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
}

export function judgePositions({ name, type, next, lastPartition }: MysqlPositions): Problem[] {
  const problems: Problem[] = []
  const base = /^[a-z]+/i.exec(type)?.[0].toLowerCase() ?? ''
  const max = 2 ** ((bits[base] ?? 64) - (/unsigned/i.test(type) ? 0 : 1)) - 1
  if (next > max / 2)
    problems.push(
      problem(
        next > max * 0.9 ? 'fatal' : 'warning',
        'sequence-range',
        `${name}.position is ${type} and has given ${Math.round((100 * next) / max)} % of its numbers. When none is left, no event can be emitted.`,
        `Run: alter table ${name} modify position bigint unsigned not null auto_increment`,
      ),
    )
  if (lastPartition !== null && lastPartition !== 'MAXVALUE')
    problems.push(
      problem(
        'warning',
        'partitions',
        `${name} is partitioned and has no partition from position ${lastPartition} on: when it is reached, no event can be emitted.`,
        `Run: alter table ${name} add partition (partition p_max values less than maxvalue)`,
      ),
    )
  return problems
}
