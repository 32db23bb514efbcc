import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** A program of the demo: its lines are watched, and it ends with the demo. */
export interface Program {
  readonly child: ChildProcess
  /** Resolves with the first line that contains `text`, also one that came before. Rejects when the program ends first. */
  waitFor(text: string): Promise<string>
  /** The last lines that it printed. */
  lastLines(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

const running = new Set<ChildProcess>()
const programs = new Set<Program>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs a TypeScript file of the repository with the given environment. */
export function startProgram(
  file: string,
  env: Record<string, string>,
  onLine: (line: string) => void = () => {},
): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const lines: string[] = []
  const watchers = new Set<() => void>()
  const wake = (): void => watchers.forEach((watcher) => watcher())
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      onLine(line)
      wake()
    })
  const ended = once(child, 'close').then(() => {
    running.delete(child)
    wake()
  })
  const lastLines = (): string => lines.slice(-20).join('\n')
  const program: Program = {
    child,
    lastLines,
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = lines.find((candidate) => candidate.includes(text))
          if (line === undefined && running.has(child)) return
          watchers.delete(look)
          if (line !== undefined) resolve(line)
          else reject(new Error(`${file} ended before it said '${text}':\n${lastLines()}`))
        }
        watchers.add(look)
        look()
      }),
    async stop(signal = 'SIGTERM') {
      if (running.has(child)) child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(timer)
      programs.delete(program)
    },
  }
  programs.add(program)
  return program
}

/** Ends every program that is still there. */
export async function stopPrograms(): Promise<void> {
  await Promise.all([...programs].map((program) => program.stop()))
}

/** Runs a command to its end; rejects with its output when it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const child = spawn(command, [...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
}
