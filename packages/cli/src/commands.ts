import type { Command } from 'commander'
import type { CommandContext } from './context.js'

/** One command: known by name and line of help, loaded when it is called. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** `undefined`: made of all the others, by `createProgram`. */
  readonly load?: () => Promise<(context: CommandContext) => Command>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    summary: 'set up a project: the configuration and the first migration',
    load: async () => (await import('./commands/init.js')).initCommand,
  },
  {
    name: 'relay',
    summary: 'publish events to Kafka: the worker',
    load: async () => (await import('./commands/relay.js')).relayCommand,
  },
  {
    name: 'dead',
    summary: 'list, show, retry or discard events that wait out of line',
    load: async () => (await import('./commands/dead.js')).deadCommand,
  },
  {
    name: 'doctor',
    summary: 'check everything that can be wrong, before it is',
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  {
    name: 'config',
    summary: 'show the configuration in effect and where each value came from',
    load: async () => (await import('./commands/config.js')).configCommand,
  },
  {
    name: 'completion',
    summary: 'print the script that completes commands and flags in a shell',
  },
]
