import { OutboxError, quoteIdentifier, type Dialect, type OutboxTable } from '@outboxkit/core'
import type { Query } from '../../database/database.js'
import type { SqlMigration } from './files.js'

/** What is known of one migration in a database. */
export interface AppliedMigration {
  readonly name: string
  readonly checksum: string
  /** How many of its statements are done; on PostgreSQL all, or it is not there. */
  readonly done: number
  readonly state: 'applying' | 'applied' | 'reverting'
}

/** `outbox_migrations`, beside the outbox: each outbox has a history of its own. */
export function versionTable(dialect: Dialect, { name, schema }: OutboxTable): string {
  const own = quoteIdentifier(dialect, `${name}_migrations`)
  return schema === undefined ? own : `${quoteIdentifier(dialect, schema)}.${own}`
}

/** What was applied, by name; empty before the first migration. */
export async function readApplied(
  query: Query,
  dialect: Dialect,
  table: OutboxTable,
): Promise<ReadonlyMap<string, AppliedMigration>> {
  const target = versionTable(dialect, table)
  const [there] =
    dialect === 'postgres'
      ? // Read from the catalogue's rows: to_regclass() may answer from what this session knew before it waited for the lock.
        await query(
          `select 1 as there from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = $2 and n.nspname = any(case when $1::text is null then current_schemas(false)::text[] else array[$1::text] end)`,
          [table.schema ?? null, `${table.name}_migrations`],
        )
      : await query(
          'select 1 as there from information_schema.tables where table_schema = coalesce(?, database()) and table_name = ?',
          [table.schema ?? null, `${table.name}_migrations`],
        )
  if (there === undefined) return new Map()
  const rows = await query(`select name, checksum, done, state from ${target}`)
  return new Map(
    rows.map((row) => [
      String(row['name']),
      {
        name: String(row['name']),
        checksum: String(row['checksum']),
        done: Number(row['done']),
        state: row['state'] as AppliedMigration['state'],
      },
    ]),
  )
}

export function createVersionTable(dialect: Dialect, table: OutboxTable): string {
  const target = versionTable(dialect, table)
  return dialect === 'postgres'
    ? `create table if not exists ${target} (
  name varchar(255) not null primary key,
  checksum char(64) not null,
  done integer not null,
  state varchar(16) not null,
  applied_at timestamptz not null default clock_timestamp()
)`
    : `create table if not exists ${target} (
  name varchar(255) character set utf8mb4 collate utf8mb4_bin not null primary key,
  checksum char(64) character set ascii not null,
  done int not null,
  state varchar(16) character set ascii not null,
  applied_at datetime(6) not null default (utc_timestamp(6))
) engine = InnoDB`
}

/** Notes how far a migration is. */
export async function note(
  query: Query,
  dialect: Dialect,
  table: OutboxTable,
  { name, checksum }: Pick<SqlMigration, 'name' | 'checksum'>,
  { done, state }: Pick<AppliedMigration, 'done' | 'state'>,
): Promise<void> {
  const target = versionTable(dialect, table)
  await (dialect === 'postgres'
    ? query(
        `insert into ${target} (name, checksum, done, state) values ($1, $2, $3, $4)
on conflict (name) do update set checksum = excluded.checksum, done = excluded.done, state = excluded.state`,
        [name, checksum, done, state],
      )
    : query(
        `insert into ${target} (name, checksum, done, state) values (?, ?, ?, ?)
on duplicate key update checksum = values(checksum), done = values(done), state = values(state)`,
        [name, checksum, done, state],
      ))
}

/** Takes a migration out of the history; the table goes with the last one. */
export async function forget(
  query: Query,
  dialect: Dialect,
  table: OutboxTable,
  name: string,
): Promise<void> {
  const target = versionTable(dialect, table)
  await query(`delete from ${target} where name = ${dialect === 'postgres' ? '$1' : '?'}`, [name])
  const [row] = await query(`select count(*) as n from ${target}`)
  if (Number(row?.['n']) === 0) await query(`drop table ${target}`)
}

/** Throws `OUTBOX_MIGRATION_FAILED` when the folder is not the one that the database was migrated with. */
export function checkHistory(
  applied: ReadonlyMap<string, AppliedMigration>,
  files: readonly SqlMigration[],
): void {
  for (const { name, checksum, state } of applied.values()) {
    const file = files.find((candidate) => candidate.name === name)
    if (file === undefined)
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `The database has the migration ${name}, which is not in the folder: it was migrated from a newer or another checkout. Nothing was changed. Bring ${name}.up.sql here, or use the newer program.`,
        { details: { migration: name } },
      )
    // One that is not through may just be being repaired.
    if (state === 'applied' && file.checksum !== checksum)
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `${name}.up.sql has been changed since it was applied. Nothing was changed in the database. Take the change back, and write it into a new migration.`,
        { details: { migration: name } },
      )
  }
}
