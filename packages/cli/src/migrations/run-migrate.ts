import { relative, resolve, sep } from 'node:path'
import { OutboxError } from '@outboxkit/core'
import type { ResolvedConfig, ResolvedOutbox } from '../config/resolved.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import { openDatabase } from '../database/open.js'
import type { Output } from '../output/output.js'
import { folderProject } from './folder-project.js'
import { readSqlMigrations, type SqlMigration } from './sql/files.js'
import { defaultFolder } from './sql/generator.js'
import {
  appliedMigrations,
  baseline,
  migrate,
  pendingMigrations,
  revert,
  type MigratedFile,
  type MigrateRequest,
} from './sql/migrate.js'

/** What `outboxkit migrate` takes. */
export interface MigrateFlags extends GlobalFlags {
  readonly out?: string
  readonly dryRun?: boolean
  readonly down?: number
  readonly yes?: boolean
  readonly baseline?: boolean
}

/** An index over a large table takes as long as it takes. */
const statementTimeoutMs = 6 * 3_600_000

/** Applies the files of each selected outbox, takes them back, or shows what would be done. */
export async function runMigrate(context: CommandContext, flags: MigrateFlags): Promise<void> {
  const output = context.output(flags)
  const config = await context.loadConfig(flags)
  for (const outbox of context.selectOutboxes(config, flags)) {
    const files = filesOf(context, config, outbox, flags)
    const database = await openDatabase(outbox.database, { statementTimeoutMs })
    const progress = output.progress('migrating')
    try {
      const onProgress = (text: string): void => progress.update(text)
      await migrateOne(output, flags, outbox.name, { database, table: outbox.table, files, onProgress })
    } finally {
      progress.stop()
      await database.close()
    }
  }
}

function filesOf(
  { cwd }: CommandContext,
  { folder, migrations }: ResolvedConfig,
  { name, database, table }: ResolvedOutbox,
  flags: MigrateFlags,
): readonly SqlMigration[] {
  if (flags.out === undefined && migrations.tool !== undefined && migrations.tool !== 'sql')
    throw new OutboxError(
      'OUTBOX_CONFIG_INVALID',
      `The migrations of this project are applied by ${migrations.tool}: ${commands[migrations.tool]}. outboxkit migrate applies the plain SQL files of generate --tool sql; name their folder with --out if there are some.`,
    )
  const path =
    flags.out === undefined ? resolve(folder, migrations.out ?? defaultFolder) : resolve(cwd, flags.out)
  const out = relative(folder, path).split(sep).join('/') || '.'
  const files = readSqlMigrations(folderProject({ root: folder, dialect: database.dialect, out }), table)
  if (files.length === 0)
    throw new OutboxError(
      'OUTBOX_MIGRATION_FAILED',
      `There is no migration of the outbox '${name}' in ${path}. Write it: outboxkit generate --tool sql`,
    )
  return files
}

const commands = {
  prisma: 'npx prisma migrate deploy',
  drizzle: 'npx drizzle-kit migrate',
  knex: 'npx knex migrate:latest',
} as const

async function migrateOne(
  output: Output,
  flags: MigrateFlags,
  name: string,
  request: MigrateRequest,
): Promise<void> {
  if (flags.baseline === true) {
    const noted = await baseline(request)
    output.data({ outbox: name, baseline: noted })
    output.line(
      noted.length === 0
        ? 'Nothing to note: the tables lack something of each migration that is pending.'
        : `Noted as applied: ${noted.join(', ')}`,
    )
    return
  }
  if (flags.down !== undefined && flags.yes !== true) return showDown(output, name, request, flags.down)
  if (flags.dryRun === true) return showPending(output, name, request)
  const isDown = flags.down !== undefined
  const done = isDown ? await revert(request, flags.down) : await migrate(request)
  output.data({ outbox: name, [isDown ? 'reverted' : 'applied']: done })
  if (done.length === 0) output.line('Nothing to do.')
  for (const file of done) output.line(sentence(file, isDown))
}

function sentence({ name, statements, resumedAfter }: MigratedFile, isDown: boolean): string {
  const what = `${isDown ? 'taken back' : 'applied'} ${name} (${statements} statements)`
  return resumedAfter === undefined
    ? what
    : `${what}; an earlier run was interrupted: resumed after ${resumedAfter} of them`
}

async function showPending(output: Output, name: string, request: MigrateRequest): Promise<void> {
  const pending = await pendingMigrations(request)
  output.data({
    outbox: name,
    pending: pending.map(({ name: file, up }) => ({ name: file, statements: up })),
  })
  if (pending.length === 0) output.line('Nothing to do.')
  for (const file of pending) show(output, file.name, file.up)
}

/** Taking a migration back drops tables with what is in them. */
async function showDown(output: Output, name: string, request: MigrateRequest, count: number): Promise<void> {
  const last = (await appliedMigrations(request)).slice(-count).toReversed()
  output.data({
    outbox: name,
    wouldRevert: last.map(({ name: file, down = [] }) => ({ name: file, statements: down })),
  })
  for (const file of last) show(output, file.name, file.down ?? [])
  output.note(last.length === 0 ? 'Nothing to do.' : 'Nothing was changed. Add --yes to run this.')
}

function show(output: Output, name: string, statements: readonly string[]): void {
  output.line(`-- ${name}`)
  for (const statement of statements) for (const line of `${statement};`.split('\n')) output.line(line)
}
