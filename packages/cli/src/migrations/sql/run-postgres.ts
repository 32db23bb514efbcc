import { setTimeout } from 'node:timers/promises'
import { isOutboxError, OutboxError } from '@outboxkit/core'
import type { Query } from '../../database/database.js'
import type { SqlMigration } from './files.js'
import { lockPostgres } from './lock.js'
import type { MigratedFile, MigrateRequest } from './migrate.js'
import { droppedTables, refuseUnpublished } from './unpublished.js'
import { createVersionTable, forget, note, readApplied } from './version-table.js'

// A change of a table waits for the transactions that use it, and every insert waits behind the change: so it waits
// shortly, and tries again.
const tableWaitMs = 1_000
const tries = 20
const pauseMs = 500
const lockNotAvailable = '55P03'

/** All of a migration in one transaction: it is there, or nothing of it is. `undefined`: another process has done it. */
export function applyOnPostgres(
  request: MigrateRequest,
  file: SqlMigration,
): Promise<MigratedFile | undefined> {
  const { table } = request
  return inTransaction(request, file, file.up, async (query, run) => {
    const applied = await readApplied(query, 'postgres', table)
    if (applied.has(file.name)) return false
    // First what a migration brings: the schema that the table of versions is in.
    await run(file.up)
    await query(createVersionTable('postgres', table))
    await note(query, 'postgres', table, file, { done: file.up.length, state: 'applied' })
    return true
  })
}

/** Takes a migration back, in one transaction. `undefined`: another process has done it. */
export function revertOnPostgres(
  request: MigrateRequest,
  file: SqlMigration,
): Promise<MigratedFile | undefined> {
  const { table } = request
  const { down = [] } = file
  return inTransaction(request, file, down, async (query, run) => {
    const applied = await readApplied(query, 'postgres', table)
    if (!applied.has(file.name)) return false
    const dropped = await existing(query, droppedTables('postgres', table, [file]))
    await run(dropped.map((name) => `lock table ${name}`))
    // Once more: nobody can write an event any longer.
    await refuseUnpublished(query, dropped)
    await run(down)
    await forget(query, 'postgres', table, file.name)
    return true
  })
}

async function existing(query: Query, names: readonly string[]): Promise<readonly string[]> {
  const rows = await query(
    'select name from unnest($1::text[]) as name where to_regclass(name) is not null',
    [names],
  )
  return rows.map((row) => String(row['name']))
}

async function inTransaction(
  { database, table, waitMs = 60_000 }: MigrateRequest,
  { name }: SqlMigration,
  statements: readonly string[],
  work: (query: Query, run: (part: readonly string[]) => Promise<void>) => Promise<boolean>,
): Promise<MigratedFile | undefined> {
  for (let attempt = 1; ; attempt++) {
    let [running, count] = [0, 0]
    try {
      const isDone = await database.transaction(async (query) => {
        await lockPostgres(query, table, waitMs)
        await query(`set local lock_timeout = ${tableWaitMs}`)
        return work(query, async (part) => {
          count = part.length
          for (const [index, statement] of part.entries()) {
            running = index + 1
            await query(statement)
          }
        })
      })
      return isDone ? { name, statements: statements.length } : undefined
    } catch (error) {
      const isBusy = isOutboxError(error) && error.details['code'] === lockNotAvailable
      if (isBusy && running > 0 && attempt < tries) {
        await setTimeout(pauseMs)
        continue
      }
      throw failure(error, { name, running, count, waitMs })
    }
  }
}

function failure(
  error: unknown,
  { name, running, count, waitMs }: { name: string; running: number; count: number; waitMs: number },
): unknown {
  if (!isOutboxError(error, 'OUTBOX_DATABASE_FAILED') || error.details['code'] === '42501') return error
  const why =
    error.details['code'] !== lockNotAvailable
      ? `Statement ${running} of ${count} failed: ${error.message}`
      : running === 0
        ? `Another process has been migrating this outbox for ${Math.round(waitMs / 1_000)} s.`
        : `Statement ${running} of ${count} could not lock its table ${tries} times: a transaction has been using it all along. End that one, or try again at a quieter time.`
  return new OutboxError(
    'OUTBOX_MIGRATION_FAILED',
    `${name}: ${why} The migration was rolled back; nothing of it is in the database.`,
    { details: { ...error.details, migration: name }, cause: error },
  )
}
