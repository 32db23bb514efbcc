import {
  latestSchemaVersion,
  OutboxError,
  resolveSchema,
  upgradeSql,
  type OutboxTable,
} from '@outboxkit/core'
import type { Database } from '../../database/database.js'
import { newerVersion, schemaOf } from '../found-tables.js'
import { newerSchema, withFound } from '../generate.js'
import { optionsOf } from '../mark.js'
import { privilegeError } from '../privilege.js'
import { readSchema } from '../read-schema.js'
import type { SqlMigration } from './files.js'
import { applyOnMysql, revertOnMysql } from './run-mysql.js'
import { applyOnPostgres, revertOnPostgres } from './run-postgres.js'
import { droppedTables, refuseUnpublished } from './unpublished.js'
import { checkHistory, createVersionTable, note, readApplied } from './version-table.js'

export interface MigrateRequest {
  readonly database: Database
  readonly table: OutboxTable
  readonly files: readonly SqlMigration[]
  /** How long another process that migrates is waited for, in ms. Default 60,000. */
  readonly waitMs?: number | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/** What was done with one migration. */
export interface MigratedFile {
  readonly name: string
  readonly statements: number
  /** An earlier run was interrupted: how many statements it had done, which were not run again. */
  readonly resumedAfter?: number
}

/** Migrations that have not been applied, in order; those that were interrupted included. */
export async function pendingMigrations(request: MigrateRequest): Promise<readonly SqlMigration[]> {
  const { database, table, files } = request
  const applied = await readApplied(database.query, database.dialect, table)
  checkHistory(applied, files)
  return files.filter(({ name }) => applied.get(name)?.state !== 'applied')
}

/** Migrations that have been applied, or begun, in order. */
export async function appliedMigrations(request: MigrateRequest): Promise<readonly SqlMigration[]> {
  const { database, table, files } = request
  const applied = await readApplied(database.query, database.dialect, table)
  checkHistory(applied, files)
  return files.filter(({ name }) => applied.has(name))
}

/**
 * Applies what is pending. Safe to run by two processes at once: the second waits, and finds nothing to do.
 *
 * Rejects with `OUTBOX_SCHEMA_VERSION` when a newer program has changed the tables, `OUTBOX_PRIVILEGE_MISSING` with the exact
 * GRANT, and `OUTBOX_MIGRATION_FAILED` for everything else that fails; its message says what is half-done, and what is not.
 */
export async function migrate(request: MigrateRequest): Promise<readonly MigratedFile[]> {
  const { database, table } = request
  const migrated: MigratedFile[] = []
  return explained(request, async () => {
    await refuseNewer(database, table)
    for (const file of await pendingMigrations(request)) {
      request.onProgress?.(file.name)
      await refuseForeignTables(request, file)
      const apply = database.dialect === 'postgres' ? applyOnPostgres : applyOnMysql
      const result = await apply(request, file)
      if (result !== undefined) migrated.push(result)
    }
    return migrated
  })
}

/** Takes back the last `count` migrations, newest first. Rejects as {@link migrate}; what has no way back is not begun. */
export async function revert(request: MigrateRequest, count: number): Promise<readonly MigratedFile[]> {
  const { database, table } = request
  return explained(request, async () => {
    await refuseNewer(database, table)
    const last = (await appliedMigrations(request)).slice(-count)
    for (const { name, down } of last)
      if (down === undefined)
        throw new OutboxError('OUTBOX_MIGRATION_FAILED', `There is no ${name}.down.sql. Nothing was changed.`)
    await refuseUnpublished(database.query, droppedTables(database.dialect, table, last))
    const reverted: MigratedFile[] = []
    for (const file of last.toReversed()) {
      request.onProgress?.(file.name)
      const undo = database.dialect === 'postgres' ? revertOnPostgres : revertOnMysql
      const result = await undo(request, file)
      if (result !== undefined) reverted.push(result)
    }
    return reverted
  })
}

/** Notes migrations as applied, without running them, whose tables are there already. Gives their names. */
export async function baseline(request: MigrateRequest): Promise<readonly string[]> {
  const { database, table } = request
  return explained(request, async () => {
    await refuseNewer(database, table)
    const present = schemaOf(await readSchema(database, table))
    const names: string[] = []
    for (const file of await pendingMigrations(request)) {
      if (present === undefined || file.schema === undefined) break
      if (missingSteps(database, present, file).length > 0) break
      await database.transaction(async (query) => {
        await query(createVersionTable(database.dialect, table))
        await note(query, database.dialect, table, file, { done: file.up.length, state: 'applied' })
      })
      names.push(file.name)
    }
    return names
  })
}

async function refuseNewer(database: Database, table: OutboxTable): Promise<void> {
  const newer = newerVersion(await readSchema(database, table), latestSchemaVersion)
  if (newer !== undefined) throw newerSchema(newer)
}

/** Tables that another tool has made are not made again, and not taken over without being asked. */
async function refuseForeignTables({ database, table }: MigrateRequest, file: SqlMigration): Promise<void> {
  if (file.schema === undefined) return
  // The tables first: of another process that is through in between, the note is seen as well.
  const present = schemaOf(await readSchema(database, table))
  if (present === undefined || missingSteps(database, present, file).length > 0) return
  const applied = await readApplied(database.query, database.dialect, table)
  if (applied.has(file.name)) return
  throw new OutboxError(
    'OUTBOX_MIGRATION_FAILED',
    `What ${file.name} makes is in the database already, and was made by something else. Nothing was changed. If it is the same, note it as applied: outboxkit migrate --baseline`,
    { details: { migration: file.name } },
  )
}

/** What the database lacks of a migration's schema. */
export function missingSteps(
  { dialect }: Database,
  present: ReturnType<typeof schemaOf>,
  { schema }: SqlMigration,
): readonly string[] {
  if (schema === undefined) return []
  const { partitioned: _, ...options } = optionsOf(schema)
  return upgradeSql(dialect, present, resolveSchema(dialect, withFound(dialect, options, present))).up
}

async function explained<T>({ database, table }: MigrateRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw (await privilegeError(database, table, error).catch(() => undefined)) ?? error
  }
}
