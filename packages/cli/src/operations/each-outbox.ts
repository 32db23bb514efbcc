import { isOutboxError, OutboxError, qualifiedName } from '@outboxkit/core'
import { outboxMetrics, type OutboxState } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'

/** The outboxes that the flags select, each with a connection that is closed at the end, one after the other. */
export async function eachOutbox<Result>(
  context: CommandContext,
  flags: GlobalFlags,
  work: (outbox: ResolvedOutbox, database: Database) => Promise<Result>,
): Promise<Result[]> {
  const outboxes = context.selectOutboxes(await context.loadConfig(flags), flags)
  const results: Result[] = []
  for (const outbox of outboxes)
    results.push(await withDatabase(outbox, (database) => work(outbox, database)))
  return results
}

/** A connection to the database of an outbox for as long as `work` lasts; errors about its tables say what to do. */
export async function withDatabase<Result>(
  outbox: ResolvedOutbox,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase(outbox.database)
  try {
    return await work(database)
  } catch (error) {
    throw explained(error, outbox)
  } finally {
    await database.close()
  }
}

/** What the tables say about their relay. Counting ends at `countUpTo`. */
export function readState(
  database: Database,
  { schema, ...table }: ResolvedOutbox['table'],
  countUpTo = 10_000,
): Promise<OutboxState> {
  return outboxMetrics(database.query, {
    dialect: database.dialect,
    table: schema === undefined ? table : { ...table, schema },
    countUpTo,
  })
}

// undefined table and schema on PostgreSQL; no such table and unknown database on MySQL
const missing: readonly unknown[] = ['42P01', '3F000', 'ER_NO_SUCH_TABLE', 'ER_BAD_DB_ERROR']

/** An error about tables that are not there says what to do. */
export function explained(error: unknown, { table, database: { dialect }, name }: ResolvedOutbox): unknown {
  if (!isOutboxError(error, 'OUTBOX_DATABASE_FAILED') || !missing.includes(error.details['code']))
    return error
  return new OutboxError(
    'OUTBOX_DATABASE_FAILED',
    `${error.message}. The tables of the outbox '${name}' (${qualifiedName(table, dialect)}) are not all there: apply its migration ('outboxkit generate' writes it), or correct table.name and table.schema.`,
    { details: error.details },
  )
}

export function isMissingTable({ code, details }: OutboxError): boolean {
  return code === 'OUTBOX_DATABASE_FAILED' && missing.includes(details['code'])
}
