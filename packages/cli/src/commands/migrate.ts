import { Command, InvalidArgumentError } from 'commander'
import type { CommandContext } from '../context.js'
import { runMigrate, type MigrateFlags } from '../migrations/run-migrate.js'

/** `outboxkit migrate`: applies the plain SQL files that `generate --tool sql` has written. */
export function migrateCommand(context: CommandContext): Command {
  return new Command('migrate')
    .description(
      'Applies the SQL files that `generate --tool sql` has written. Two processes at once are safe.',
    )
    .option('--out <folder>', 'the folder of the files (default: outbox-migrations)')
    .option('--dry-run', 'print what would be run')
    .option('--down <count>', 'take the last migrations back; asks for --yes', toCount)
    .option('--yes', 'with --down: do it')
    .option('--baseline', 'note as applied what something else has made already; runs nothing')
    .action((_, self: Command) => runMigrate(context, self.optsWithGlobals<MigrateFlags>()))
}

function toCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.')
  return Number(text)
}
