import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { MigrationTool } from '../config/resolved.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import { applyChanges } from '../init/apply.js'
import { QuestionsLeft, terminalAsk } from '../init/ask.js'
import { prepareInit, type InitRequest, type PreparedInit } from '../init/init.js'
import { reportInit } from '../init/report.js'
import type { Output } from '../output/output.js'
import { evaluateConfig } from '../project/evaluate.js'
import { diskFiles } from '../project/files.js'
import type { DatabaseName } from '../project/names.js'

interface Flags extends GlobalFlags {
  readonly orm?: MigrationTool
  readonly database?: DatabaseName
  readonly schema?: string
  readonly out?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export function initCommand(context: CommandContext): Command {
  return new Command('init')
    .description(
      'Looks at the project, and writes outbox.config.* and the first migration. Changes no line that is there.',
    )
    .addOption(
      new Option('--orm <tool>', 'what writes the migration').choices(['prisma', 'drizzle', 'knex', 'sql']),
    )
    .addOption(new Option('--database <kind>', 'the database').choices(['postgres', 'mysql', 'mariadb']))
    .option('--schema <path>', "Prisma's schema (file or folder), or Drizzle's file of tables")
    .option('--out <folder>', "the folder of the migrations (default: the ORM's own)")
    .option('--dry-run', 'show a diff and write nothing')
    .option('-y, --yes', 'ask nothing')
    .action((_flags, command: Command) => init(context, command.optsWithGlobals<Flags>()))
}

async function init(context: CommandContext, flags: Flags): Promise<void> {
  const { cwd, environment, signal } = context
  const output = context.output(flags)
  const absolute = (path: string | undefined) => (path === undefined ? undefined : resolve(cwd, path))
  const prepared = await unlessLeft(output, {
    cwd,
    environment,
    files: diskFiles,
    flags: {
      orm: flags.orm,
      database: flags.database,
      schema: absolute(flags.schema),
      out: absolute(flags.out),
      config: absolute(flags.config),
    },
    evaluate: evaluateConfig({ environment, signal }),
    ask: output.interactive && flags.yes !== true ? terminalAsk({ signal }) : undefined,
  })
  if (prepared === undefined) return context.setExitCode(1)
  signal.throwIfAborted()
  if (flags.dryRun !== true) applyChanges(prepared.project.root, prepared.changes)
  reportInit(output, prepared, { cwd, isDryRun: flags.dryRun === true })
}

/** `undefined` when the person who was asked has left with Ctrl-C. */
async function unlessLeft(output: Output, request: InitRequest): Promise<PreparedInit | undefined> {
  try {
    return await prepareInit(request)
  } catch (error) {
    if (!(error instanceof QuestionsLeft)) throw error
    output.note('Nothing was changed.')
    return undefined
  }
}
