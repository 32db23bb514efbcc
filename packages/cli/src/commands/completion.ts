import type { Command } from 'commander'

/**
 * Adds `outboxkit completion <shell>`, which prints the script for a shell's start-up file, and the hidden `outboxkit complete`,
 * which that script asks. All commands have to be there already.
 */
export async function addCompletion(program: Command): Promise<void> {
  const { default: tab } = await import('@bomb.sh/tab/commander')
  tab(program, { completionCommandName: 'completion' })
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('Prints the script that completes commands and flags in a shell.')
    .summary('print the script that completes commands and flags in a shell')
}
