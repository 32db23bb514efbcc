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
    name: 'dev',
    summary: 'see events as they appear, without Kafka',
    load: async () => (await import('./commands/dev.js')).devCommand,
  },
  {
    name: 'generate',
    summary: 'write the next migration of the tables, or the GRANTs of the roles',
    load: async () => (await import('./commands/generate.js')).generateCommand,
  },
  {
    name: 'migrate',
    summary: 'apply the SQL files that generate --tool sql has written',
    load: async () => (await import('./commands/migrate.js')).migrateCommand,
  },
  {
    name: 'relay',
    summary: 'publish events to Kafka: the worker',
    load: async () => (await import('./commands/relay.js')).relayCommand,
  },
  {
    name: 'status',
    summary: 'what is not published yet, who publishes it, what is held',
    load: async () => (await import('./commands/status.js')).statusCommand,
  },
  {
    name: 'dead',
    summary: 'list, show, retry or discard events that wait out of line',
    load: async () => (await import('./commands/dead.js')).deadCommand,
  },
  {
    name: 'replay',
    summary: 'send archived events again',
    load: async () => (await import('./commands/replay.js')).replayCommand,
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
