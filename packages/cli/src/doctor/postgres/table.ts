import { qualifiedName, tableKinds, type OutboxTable } from '@outboxkit/core'
import type { Database } from '../../database/database.js'
import { humanMs, type DoctorLimits } from '../limits.js'
import { problem, type Family, type Problem } from '../finding.js'

export interface PostgresSequence {
  readonly name: string
  readonly cycles: boolean
  /** The last number that it can give. */
  readonly max: number
  /** The last number that it has given; `null`: none yet, or it may not be seen. */
  readonly last: number | null
}

export function sequenceFamily(database: Database, table: OutboxTable): Family {
  return {
    checks: ['sequence-cycle', 'sequence-range'],
    run: async () => (await readSequence(database, table)).flatMap(judgeSequence),
  }
}

async function readSequence({ query }: Database, table: OutboxTable): Promise<PostgresSequence[]> {
  const rows = await query(
    `select s.seqrelid::regclass::text as name, s.seqcycle as cycles, s.seqmax::text as max,
      case when has_sequence_privilege(s.seqrelid, 'SELECT') then pg_sequence_last_value(s.seqrelid)::text end as last
    from pg_sequence s where s.seqrelid = pg_get_serial_sequence($1, 'position')::regclass`,
    [qualifiedName(table, 'postgres')],
  )
  return rows.map((row) => ({
    name: String(row['name']),
    cycles: row['cycles'] === true,
    max: Number(row['max']),
    last: row['last'] == null ? null : Number(row['last']),
  }))
}

export function judgeSequence({ name, cycles, max, last }: PostgresSequence): Problem[] {
  const problems: Problem[] = []
  if (cycles)
    problems.push(
      problem(
        'warning',
        'sequence-cycle',
        `The sequence ${name} starts again at its end (CYCLE): later events would then come before earlier ones.`,
        `Run: alter sequence ${name} no cycle`,
      ),
    )
  if (last !== null && last > max / 2)
    problems.push(
      problem(
        last > max * 0.9 ? 'fatal' : 'warning',
        'sequence-range',
        `The sequence ${name} has given ${last} of ${max} numbers (${Math.round((100 * last) / max)} %). When none is left, no event can be emitted.`,
        `Make position a bigint, and run: alter sequence ${name} as bigint`,
      ),
    )
  return problems
}

export interface PostgresTableUpkeep {
  readonly autovacuum: boolean
  readonly trackCounts: boolean
  readonly tables: readonly {
    readonly name: string
    /** `autovacuum_enabled=false` and the like. */
    readonly options: readonly string[]
    readonly deadRows: number
    readonly liveRows: number
    /** Since it was last vacuumed, by hand or not, in ms; `null`: never. */
    readonly vacuumedMs: number | null
  }[]
}

export function upkeepFamily(database: Database, table: OutboxTable, limits: DoctorLimits): Family {
  return {
    checks: ['autovacuum'],
    run: async () => judgeUpkeep(await readUpkeep(database, table), limits),
  }
}

async function readUpkeep({ query }: Database, table: OutboxTable): Promise<PostgresTableUpkeep> {
  const [settings] = await query(
    `select current_setting('autovacuum') = 'on' as autovacuum, current_setting('track_counts') = 'on' as counts`,
  )
  const rows = await query(
    `select c.oid::regclass::text as name, coalesce(to_json(c.reloptions), '[]')::text as options,
      coalesce(pg_stat_get_dead_tuples(c.oid), 0)::text as dead, coalesce(pg_stat_get_live_tuples(c.oid), 0)::text as live,
      (extract(epoch from clock_timestamp() - greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid))) * 1000)::text as vacuumed
    from pg_class c where c.relkind in ('r', 'm') and (c.oid = any($1::regclass[])
      or c.oid in (select p.relid from unnest($1::regclass[]) as r(oid), lateral pg_partition_tree(r.oid) p))`,
    [tableKinds.map((kind) => qualifiedName(table, 'postgres', kind))],
  )
  return {
    autovacuum: settings?.['autovacuum'] === true,
    trackCounts: settings?.['counts'] === true,
    tables: rows.map((row) => ({
      name: String(row['name']),
      options: JSON.parse(String(row['options'])) as string[],
      deadRows: Number(row['dead']),
      liveRows: Number(row['live']),
      vacuumedMs: row['vacuumed'] == null ? null : Number(row['vacuumed']),
    })),
  }
}

export function judgeUpkeep(found: PostgresTableUpkeep, limits: DoctorLimits): Problem[] {
  const problems: Problem[] = []
  if (!found.autovacuum || !found.trackCounts)
    problems.push(
      problem(
        'warning',
        'autovacuum',
        `${found.autovacuum ? 'track_counts' : 'autovacuum'} is off: rows that have left the outbox are never cleaned up, and it grows with every event.`,
        `Set ${found.autovacuum ? 'track_counts' : 'autovacuum'} = on.`,
      ),
    )
  for (const { name, options, deadRows, liveRows, vacuumedMs } of found.tables) {
    if (options.some((option) => /^autovacuum_enabled=(false|off|0|no)$/i.test(option)))
      problems.push(
        problem(
          'warning',
          'autovacuum',
          `Autovacuum is switched off for ${name}: rows that have left it are never cleaned up.`,
          `Run: alter table ${name} reset (autovacuum_enabled)`,
        ),
      )
    else if (deadRows > limits.deadRows && deadRows > liveRows)
      problems.push(
        problem(
          'warning',
          'autovacuum',
          `${name} has ${deadRows} dead rows and was vacuumed ${vacuumedMs === null ? 'never' : `${humanMs(vacuumedMs)} ago`}: a relay that starts has to walk over them.`,
          `Look for old transactions first (they keep rows from being cleaned), then run: vacuum ${name}`,
        ),
      )
  }
  return problems
}

export function partitionsFamily(database: Database, table: OutboxTable): Family {
  return {
    checks: ['partitions'],
    run: async () => {
      const name = qualifiedName(table, 'postgres')
      const [row] = await database.query(
        `select exists (select from pg_partitioned_table where partrelid = $1::regclass and partdefid = 0) as open`,
        [name],
      )
      return judgePartitions(
        name,
        row?.['open'] === true,
        `${table.name}_default partition of ${name} default`,
      )
    },
  }
}

/** `isOpen`: some positions have no partition to go to. */
export function judgePartitions(name: string, isOpen: boolean, create: string): Problem[] {
  if (!isOpen) return []
  return [
    problem(
      'warning',
      'partitions',
      `${name} is partitioned and has no partition for positions that no other one takes: when they are reached, no event can be emitted.`,
      `Run: create table ${create}`,
    ),
  ]
}
