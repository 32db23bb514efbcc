import type { MigrationTool, ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'
import { missingTables } from './facts.js'
import type { DevPrinter } from './print.js'

/** What is known of the project: which command makes the tables. */
export interface DevProject {
  /** The configuration file, if there is one. */
  readonly file: string | undefined
  readonly migrations: { readonly tool: MigrationTool | undefined }
}

/** How often something that is not there yet is looked for, in ms. */
const retryMs = 1_000

/** Opens the database and waits for its tables, saying what it waits for. `undefined`: the signal came first. */
export async function waitForTables(
  outbox: ResolvedOutbox,
  project: DevProject,
  { printer, signal }: { printer: DevPrinter; signal: AbortSignal },
): Promise<Database | undefined> {
  let said = ''
  const say = (state: string, text: string): void => {
    if (said !== text) printer.warn(state, text)
    said = text
  }
  while (!signal.aborted) {
    const database = await openDatabase(outbox.database).catch((error: unknown) => {
      if (isOption(error)) throw error
      say('database-unreachable', `${error instanceof Error ? error.message : String(error)}. Trying again.`)
    })
    if (database !== undefined) {
      const missing = await missingTables(database, outbox.table).catch((error: unknown) => [String(error)])
      if (missing.length === 0) return database
      say(
        'tables-missing',
        `${database.name} has no ${missing.join(', ')}. Waiting for them. ${nextCommand(project)}`,
      )
      await database.close()
    }
    await pause(retryMs, signal)
  }
  return undefined
}

function isOption(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'OUTBOX_OPTION_INVALID'
}

const migrate: Readonly<Record<MigrationTool, string>> = {
  prisma: 'npx prisma migrate dev',
  drizzle: 'npx drizzle-kit migrate',
  knex: 'npx knex migrate:latest',
  sql: 'npx outboxkit migrate',
}

/** What creates the tables, in another terminal. */
export function nextCommand({ file, migrations: { tool } }: DevProject): string {
  if (tool === undefined)
    return file === undefined
      ? 'In another terminal, in your project: npx outboxkit init'
      : 'In another terminal: apply the migration that init has written, or that npx outboxkit generate writes'
  return `In another terminal: ${migrate[tool]} (npx outboxkit generate writes the migration, if init has not)`
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
