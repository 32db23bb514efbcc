import { qualifiedName } from '@outboxkit/core'
import type { ResolvedConfig } from '../config/resolved.js'
import type { CommandContext } from '../context.js'
import { openDatabase } from '../database/open.js'
import type { Output } from '../output/output.js'
import { chooseTool } from './choose-tool.js'
import type { GenerateFlags } from './flags.js'
import { folderProject } from './folder-project.js'
import type { FoundTables } from './found-tables.js'
import { generateMigration, type Generated } from './generate.js'
import type { MigrationProject } from './generator.js'
import { readSchema } from './read-schema.js'
import { migrationGenerator } from './registry.js'
import { archives, migrationTargets, tableOf, type MigrationTarget } from './target.js'
import { planDiff, writePlan } from './write-plan.js'

/** Plans, shows and writes the next migration of each selected outbox. */
export async function runGenerate(context: CommandContext, flags: GenerateFlags): Promise<void> {
  const output = context.output(flags)
  const { cwd, environment } = context
  const { config, targets } = await migrationTargets(context, flags)
  const chosen = await chooseTool({ cwd, environment, config, tool: flags.tool, out: flags.out })
  const generator = await migrationGenerator(chosen.tool)
  for (const target of targets) {
    const project = folderProject({ ...chosen, dialect: target.dialect })
    const database = await lookAt(target, output)
    const generated = generateMigration({ project, generator, options: target.options, database })
    if (flags.dryRun !== true) writePlan(project, generated.files)
    report(output, { project, target, generated, isDryRun: flags.dryRun === true, tool: chosen.tool, config })
  }
}

/** A database that cannot be reached is no reason to write no migration: the folder says what is there. */
async function lookAt(target: MigrationTarget, output: Output): Promise<FoundTables | undefined> {
  if (target.database === undefined) return undefined
  const connecting = openDatabase(target.database, { connectTimeoutMs: 3_000 })
  const database = await connecting.catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    output.note(`The database was not looked at (${why}). What is there was read from the migrations alone.`)
    return undefined
  })
  if (database === undefined) return undefined
  try {
    return await readSchema(database, tableOf(target.options))
  } finally {
    await database.close()
  }
}

interface Report {
  readonly project: MigrationProject
  readonly target: MigrationTarget
  readonly generated: Generated
  readonly isDryRun: boolean
  readonly tool: string
  readonly config: ResolvedConfig | undefined
}

function report(output: Output, { project, target, generated, isDryRun, tool, config }: Report): void {
  const { files, notes, wanted, step } = generated
  const next = [...generated.next, ...archiveHint(generated, target.name, config)]
  const nothing = files.length === 0
  output.data({
    outbox: target.name,
    table: qualifiedName(wanted.table, target.dialect),
    tool,
    nothingToDo: nothing && next.length === 0,
    written: !isDryRun && !nothing,
    from: step?.from?.parts ?? (step === undefined ? wanted.parts : []),
    to: wanted.parts,
    files: files.map(({ path, mode, content }) => ({ path, mode, content })),
    next,
    notes,
  })
  for (const note of notes) output.note(note)
  if (nothing) {
    output.line(next.length === 0 ? 'Nothing to do.' : 'Nothing to write yet. First:')
    for (const line of next) output.line(line)
    return
  }
  if (isDryRun) {
    for (const line of planDiff(project, files).split('\n')) output.line(line)
    return
  }
  for (const { path, mode } of files) output.line(`${verbs[mode]} ${path}`)
  output.line('Next:')
  for (const line of next) output.line(`  ${line}`)
}

/** A new archive stays empty until the relay is told to fill it. */
function archiveHint(
  { files, step }: Generated,
  outbox: string,
  config: ResolvedConfig | undefined,
): readonly string[] {
  const isNew = step?.to.parts.includes('archive') === true && step.from?.parts.includes('archive') !== true
  if (!isNew || files.length === 0 || (config !== undefined && archives(config, outbox))) return []
  return [
    "then set cleanup: 'archive' in the configuration (or OUTBOXKIT_CLEANUP=archive) and restart the relay: nothing is archived before",
  ]
}

const verbs = { create: 'created', append: 'appended to', edit: 'changed' } as const
