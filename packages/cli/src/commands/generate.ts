import { Command, Option } from 'commander'
import type { CommandContext } from '../context.js'
import { addGenerateOptions, type GenerateFlags } from '../migrations/flags.js'
import { runGenerate } from '../migrations/run-generate.js'
import { runRoles } from '../migrations/run-roles.js'
import { migrationTools } from '../migrations/tools.js'

/** `outboxkit generate`: the next migration, or nothing to do. */
export function generateCommand(context: CommandContext): Command {
  const command = new Command('generate')
    .description(
      'Writes the next migration of the tables in the language of your ORM, or says that there is nothing to do.',
    )
    .addOption(
      new Option('--tool <tool>', 'whose migration (default: of the ORM that the project uses)').choices(
        migrationTools,
      ),
    )
    .option(
      '--out <folder>',
      "where it is written (default: the tool's folder); with --roles: into this file",
    )
    .option('--no-database', 'look only at the migrations, not at the database')
    .option('--dry-run', 'print what would be written, as a diff')
    .option('--roles', 'print the GRANTs of application, relay and consumer instead')
    .option('--app-role <name>', 'with --roles (MySQL: user@host)', 'outbox_app')
    .option('--relay-role <name>', 'with --roles', 'outbox_relay')
    .option('--consumer-role <name>', 'with --roles, where there is an inbox', 'outbox_consumer')
  return addGenerateOptions(command).action(async (_, self: Command) => {
    const flags = self.optsWithGlobals<GenerateFlags>()
    await (flags.roles === true ? runRoles(context, flags) : runGenerate(context, flags))
  })
}
