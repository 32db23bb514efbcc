import { isOutboxError, latestSchemaVersion, OutboxError, qualifiedName } from '@outboxkit/core'
import { outboxMetrics } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import { isRefusal } from '../database/failure.js'
import { openDatabase } from '../database/open.js'

/**
 * Connects, looks for the tables, and says both. Rejects with what is wrong: {@link isMistake} tells what time alone
 * does not cure. Not needed by the relay, which would only try again and again.
 */
export async function checkDatabase(
  outbox: ResolvedOutbox,
  say: (fields: object, message: string) => void,
): Promise<void> {
  const { database: settings, table } = outbox
  const shown = qualifiedName(table, settings.dialect)
  const explain = (error: unknown): never => {
    throw explained(error, shown)
  }
  const timeouts = { connectTimeoutMs: 10_000, statementTimeoutMs: 10_000 }
  const database = await openDatabase(settings, timeouts).catch(explain)
  try {
    const { dialect, name, version, flavour } = database
    say(
      { event: 'database', database: name, flavour, version },
      `database reached: ${name} (${flavour} ${version})`,
    )
    const state = await outboxMetrics(database.query, { dialect, table, countUpTo: 1_000 }).catch(explain)
    const { backlog, lease } = state
    requireSchema(lease?.schemaVersion ?? 1, shown)
    const rows = `${backlog.atLeast ? 'at least ' : ''}${backlog.rows}`
    say(
      { event: 'table', table: shown, backlog: backlog.rows, atLeast: backlog.atLeast },
      `table found: ${shown}, with ${rows} unpublished ${backlog.rows === 1 ? 'event' : 'events'}`,
    )
  } finally {
    await database.close()
  }
}

function requireSchema(version: number, table: string): void {
  if (version <= latestSchemaVersion) return
  throw new OutboxError(
    'OUTBOX_SCHEMA_VERSION',
    `The tables of ${table} have schema version ${version}; this program knows ${latestSchemaVersion} at most. Install a newer one: npm install outboxkit@latest`,
    { details: { version, known: latestSchemaVersion } },
  )
}

const missingTable = new Set(['42P01', '3F000', 'ER_NO_SUCH_TABLE'])
const missingRight = new Set(['42501', 'ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR'])

/** The server's error, and what to do about it. */
function explained(error: unknown, table: string): unknown {
  const code = serverCode(error)
  if (!isOutboxError(error) || code === undefined) return error
  const hint = missingTable.has(code)
    ? `The table ${table} or one of those beside it (_lease, _held) is not there: apply your migrations first. Is it the right database and schema?`
    : missingRight.has(code)
      ? `The relay's user needs SELECT and DELETE on ${table}, SELECT, INSERT and UPDATE on its _lease, and all four on its _held table.`
      : isRefusal(code)
        ? 'Correct user, password or database of the URL (`outboxkit config` shows where it comes from).'
        : undefined
  if (hint === undefined) return error
  return new OutboxError(
    missingRight.has(code) ? 'OUTBOX_PRIVILEGE_MISSING' : error.code,
    `${error.message}. ${hint}`,
    {
      details: error.details,
    },
  )
}

/** True for what stays wrong until somebody changes the configuration, the database, or this program. */
export function isMistake(error: unknown): boolean {
  if (!isOutboxError(error)) return false
  const code = serverCode(error)
  if (error.code === 'OUTBOX_DATABASE_FAILED')
    return code !== undefined && (isRefusal(code) || missingTable.has(code))
  return mistakes.has(error.code)
}

const mistakes: ReadonlySet<string> = new Set([
  'OUTBOX_CONFIG_INVALID',
  'OUTBOX_OPTION_INVALID',
  'OUTBOX_SOURCE_UNSUPPORTED',
  'OUTBOX_DRIVER_UNSUPPORTED',
  'OUTBOX_SCHEMA_VERSION',
  'OUTBOX_PRIVILEGE_MISSING',
  'OUTBOX_RELAY_HALTED',
])

function serverCode(error: unknown): string | undefined {
  const { code } = isOutboxError(error) ? error.details : {}
  return typeof code === 'string' ? code : undefined
}
