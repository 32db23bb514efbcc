import { setTimeout } from 'node:timers/promises'
import { isOutboxError, OutboxError } from '@outboxkit/core'
import type { SqlMigration } from './files.js'
import { withMysqlLock } from './lock.js'
import type { MigratedFile, MigrateRequest } from './migrate.js'
import { createVersionTable, forget, note, readApplied } from './version-table.js'

// MySQL and MariaDB commit every change of a table by itself. How many statements are done is noted after each one; after an
// interruption the one that follows may have been run as well, without the note.

/** The table, column or key is there (1050, 1060, 1061), or gone (1091): the statement has been run before. */
const doneAlready: readonly unknown[] = [1050, 1060, 1061, 1091]

const lockWaitTimeout = 1205
const tableWaitS = 1
const tries = 20
const pauseMs = 500

/** Goes on where an interrupted run has stopped. `undefined`: another process has done it. */
export function applyOnMysql(request: MigrateRequest, file: SqlMigration): Promise<MigratedFile | undefined> {
  const { database, table } = request
  const { query } = database
  return withMysqlLock(database, table, request.waitMs ?? 60_000, async () => {
    const before = (await readApplied(query, 'mysql', table)).get(file.name)
    if (before?.state === 'applied') return undefined
    if (before?.state === 'reverting')
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `${file.name} was being taken back, and that was interrupted. Take it back first: outboxkit migrate --down 1`,
      )
    await query(createVersionTable('mysql', table))
    const from = before?.done ?? 0
    await note(query, 'mysql', table, file, { done: from, state: 'applying' })
    await runFrom(request, file, file.up, { from, isResumed: before !== undefined, state: 'applying' })
    await note(query, 'mysql', table, file, { done: file.up.length, state: 'applied' })
    return result(file, file.up, before === undefined ? undefined : from)
  })
}

/** Takes a migration back; also one that was only half applied. `undefined`: another process has done it. */
export function revertOnMysql(
  request: MigrateRequest,
  file: SqlMigration,
): Promise<MigratedFile | undefined> {
  const { database, table } = request
  const { query } = database
  const down = file.down ?? []
  return withMysqlLock(database, table, request.waitMs ?? 60_000, async () => {
    const before = (await readApplied(query, 'mysql', table)).get(file.name)
    if (before === undefined) return undefined
    const from = before.state === 'reverting' ? before.done : 0
    await note(query, 'mysql', table, file, { done: from, state: 'reverting' })
    await runFrom(request, file, down, { from, isResumed: before.state !== 'applied', state: 'reverting' })
    await forget(query, 'mysql', table, file.name)
    return result(file, down, before.state === 'reverting' ? from : undefined)
  })
}

interface Progress {
  readonly from: number
  readonly isResumed: boolean
  readonly state: 'applying' | 'reverting'
}

async function runFrom(
  { database, table }: MigrateRequest,
  file: SqlMigration,
  statements: readonly string[],
  { from, isResumed, state }: Progress,
): Promise<void> {
  const { query } = database
  await query(`set session lock_wait_timeout = ${tableWaitS}`)
  // MySQL 8.0.15 takes our default of created_at for a date of zeros when a table is altered. The session is ours.
  await query(
    `set session sql_mode = replace(replace(@@sql_mode, 'NO_ZERO_DATE', ''), 'NO_ZERO_IN_DATE', '')`,
  )
  for (const [offset, statement] of statements.slice(from).entries()) {
    const index = from + offset
    try {
      await patiently(() => query(statement))
    } catch (error) {
      if (!isOutboxError(error, 'OUTBOX_DATABASE_FAILED')) throw error
      const mayBeDone = isResumed && (offset === 0 || state === 'reverting')
      if (!mayBeDone || !doneAlready.includes(error.details['errno']))
        throw await failure(database.query, { table, file, index, state, count: statements.length, error })
    }
    await note(query, 'mysql', table, file, { done: index + 1, state })
  }
}

/** A change of a table waits for the transactions that use it, and every insert behind the change: shortly, several times. */
async function patiently(run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await run()
      return
    } catch (error) {
      const isBusy = isOutboxError(error) && error.details['errno'] === lockWaitTimeout
      if (!isBusy || attempt === tries) throw error
      await setTimeout(pauseMs)
    }
}

interface Failed {
  readonly table: MigrateRequest['table']
  readonly file: SqlMigration
  readonly index: number
  readonly state: Progress['state']
  readonly count: number
  readonly error: OutboxError
}

/** When the first statement fails nothing has happened, and the note of it goes; else it says where the next run goes on. */
async function failure(query: MigrateRequest['database']['query'], failed: Failed): Promise<OutboxError> {
  const { table, file, index, state, count, error } = failed
  // Without a number it was the connection: the statement may have been run.
  const isUntouched = index === 0 && state === 'applying' && error.details['errno'] !== undefined
  if (isUntouched) await forget(query, 'mysql', table, file.name).catch(() => undefined)
  const [denied] = [1044, 1142, 1143, 1227].filter((errno) => errno === error.details['errno'])
  if (denied !== undefined && isUntouched) return error
  const rest = isUntouched
    ? 'Nothing was changed.'
    : `The ${index} before ${index === 1 ? 'is' : 'are'} done and ${index === 1 ? 'stays' : 'stay'}, since MySQL cannot roll them back; run the command again when the cause is gone, and it goes on with statement ${index + 1}.`
  if (denied !== undefined)
    return new OutboxError('OUTBOX_DATABASE_FAILED', `${error.message} (${file.name}: ${rest})`, {
      details: error.details,
    })
  return new OutboxError(
    'OUTBOX_MIGRATION_FAILED',
    `${file.name}: statement ${index + 1} of ${count} failed: ${error.message}. ${rest}`,
    { details: { ...error.details, migration: file.name, done: index }, cause: error },
  )
}

function result(
  { name }: SqlMigration,
  statements: readonly string[],
  resumedAfter: number | undefined,
): MigratedFile {
  return { name, statements: statements.length, ...(resumedAfter === undefined ? {} : { resumedAfter }) }
}
