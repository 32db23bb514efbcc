import type { Command } from 'commander'
import type { CommandContext } from './context.js'

/** One command: known by name and line of help, loaded when it is called. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<(context: CommandContext) => Command>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'dead',
    summary: 'list, show, retry or discard events that wait out of line',
    load: async () => (await import('./commands/dead.js')).deadCommand,
  },
  {
    name: 'config',
    summary: 'show the configuration in effect and where each value came from',
    load: async () => (await import('./commands/config.js')).configCommand,
  },
]
