import type { Command } from 'commander'
import type { CommandContext } from './context.js'

/** One command: known by name and line of help, loaded when it is called. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<(context: CommandContext) => Command>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = []
