import { Command } from 'commander'
import type { CommandContext } from './context.js'
import { commands, type CommandEntry } from './commands.js'
import { exitCodes } from './output/failure.js'
import type { OutputStream } from './output/streams.js'

/** Asks for all commands: the shell wants to know every name and flag. */
const needsAll = new Set(['complete', 'completion'])

export interface ProgramSettings {
  readonly version: string
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

/**
 * The whole command line. Only the command that `argv` names is loaded, so that none waits for the libraries of
 * another; the others are there by name, for the help. `argv`: without node and script.
 */
export async function createProgram(
  argv: readonly string[],
  context: CommandContext,
  { version, stdout, stderr }: ProgramSettings,
): Promise<Command> {
  const program = new Command('outboxkit')
    .description('A transactional outbox for Prisma, Drizzle and Knex: migrations, relay, operations.')
    .version(version, '--version', 'print the version')
    .option('--config <file>', 'configuration file (default: outbox.config.* here or in a folder above)')
    .option('--outbox <name>', 'which one of several outboxes')
    .option('--json', 'results as JSON on standard output')
    .option('--debug', 'errors with their stack')
    .helpOption('-h, --help', 'show help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .addHelpText('after', () => `\nExit codes:\n${endsText()}`)
    .exitOverride()
  const all = argv.some((argument) => needsAll.has(argument))
  for (const entry of all ? commands.filter(({ name }) => name !== 'completion') : commands) {
    const wanted = all || argv.includes(entry.name)
    program.addCommand(
      wanted && entry.load !== undefined ? await loaded(entry.load, entry, context) : new Command(entry.name),
    )
    const added = program.commands.at(-1)
    if (added !== undefined) settle(added.summary(entry.summary), program)
  }
  usageAfterErrors(program)
  if (all) await (await import('./commands/completion.js')).addCompletion(program)
  for (const command of all ? program.commands.slice(-2) : []) usageAfterErrors(command)
  return program
}

function endsText(): string {
  return Object.entries(exitCodes)
    .map(([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}`)
    .join('\n')
}

async function loaded(
  load: Exclude<CommandEntry['load'], undefined>,
  { name, summary }: CommandEntry,
  context: CommandContext,
): Promise<Command> {
  const command = (await load())(context)
  if (command.name() !== name) throw new TypeError(`The command ${name} calls itself ${command.name()}.`)
  return command.description() === '' ? command.description(summary) : command
}

/** What commander gives to commands that it makes itself. */
function settle(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent)
  usageAfterErrors(command)
  for (const child of command.commands) settle(child, command)
}

function usageAfterErrors(command: Command): void {
  command.configureOutput({
    outputError: (text, write) => write(`${text.trimEnd()}\nusage: ${pathOf(command)} ${command.usage()}\n`),
  })
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}
