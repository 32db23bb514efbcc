import { CommanderError } from 'commander'
import { selectOutboxes } from './config/select.js'
import type { CommandContext, ExitCode } from './context.js'
import { failureOf, type Failure } from './output/failure.js'
import { streamOutput, type OutputStreams } from './output/streams.js'
import { createProgram } from './program.js'

export interface ProgramHost extends OutputStreams {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly version: string
}

/** Runs one command to its end and gives the exit code. Never rejects. `argv`: without node and script. */
export async function runProgram(argv: readonly string[], host: ProgramHost): Promise<number> {
  let exitCode: ExitCode = 0
  const context = createContext(host, (code) => (exitCode = code))
  try {
    const program = await createProgram(argv, context, host)
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    return reportFailure(error, argv, host)
  }
}

/** What commands get. `setExitCode` hears of ends that are no errors. */
export function createContext(host: ProgramHost, setExitCode: (code: ExitCode) => void): CommandContext {
  const { cwd, environment, signal } = host
  return {
    cwd,
    environment,
    signal,
    output: (flags) => streamOutput(host, environment, flags.json === true),
    async loadConfig(flags) {
      const { loadConfig } = await import('./config/load.js')
      const output = streamOutput(host, environment, flags.json === true)
      return loadConfig({ cwd, environment, file: flags.config, onWarning: (text) => output.note(text) })
    },
    selectOutboxes: (config, flags) => selectOutboxes(config, flags.outbox),
    setExitCode,
  }
}

/** Says what went wrong: for people on standard error, with `--json` as an object on standard output as well. */
function reportFailure(error: unknown, argv: readonly string[], host: ProgramHost): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  // Ended by Ctrl-C: nothing has to be explained.
  if (host.signal.aborted && (error === host.signal.reason || isAbort(error))) return 130
  const json = argv.includes('--json')
  const output = streamOutput(host, host.environment, json)
  const failure = error instanceof CommanderError ? usageFailure(error) : failureOf(error)
  output.data({ error: failure })
  // Commander has printed its own message with the usage line.
  if (!(error instanceof CommanderError)) output.note(paragraph(failure, output.paint.red))
  if (argv.includes('--debug')) for (const stack of stacksOf(error)) output.note(stack)
  return failure.exitCode
}

/** Of an error and what caused it. */
function stacksOf(error: unknown): string[] {
  return error instanceof Error ? [error.stack ?? error.message, ...stacksOf(error.cause)] : []
}

function usageFailure(error: CommanderError): Failure {
  return { code: 'USAGE', message: error.message.replace(/^error: /, ''), exitCode: 2 }
}

function paragraph({ code, message, docs }: Failure, red: (text: string) => string): string {
  return `${red(`error ${code}`)}: ${message}${docs === undefined ? '' : `\n${docs}`}`
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
