import { spawn, type ChildProcess } from 'node:child_process'

/** What the user types in, and the applications that are started: all in one folder, with one environment. */
export interface Shell {
  /** The output of a command that ends with `exitCode` (default 0); anything else is an error with all that it said. */
  run(command: string, options?: RunOptions): Promise<string>
  /** A command that goes on until it is stopped; not through npx, which keeps signals and exit codes to itself. */
  start(command: string, options?: RunOptions): Running
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly exitCode?: number
}

export interface Running {
  /** Everything so far. */
  output(): string
  /** Until this is said. Rejects when the command ends before, or after a minute. */
  says(text: string | RegExp): Promise<void>
  /** Ctrl-C, and the exit code. */
  stop(): Promise<number | null>
}

const patienceMs = 60_000

export function shellIn(folder: string, environment: Readonly<Record<string, string>>): Shell {
  const begin = (command: string, { cwd = folder, env = {} }: RunOptions = {}): Process =>
    new Process(
      command,
      spawn('sh', ['-c', `exec ${command}`], {
        cwd,
        env: { ...withoutOurs(), NO_COLOR: '1', ...environment, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  return {
    start: begin,
    async run(command, options = {}) {
      const process = begin(command, options)
      const code = await process.ended
      const wanted = options.exitCode ?? 0
      if (code === wanted) return process.output()
      throw new Error(`${command}: exit code ${code}, not ${wanted}\n${process.output()}`)
    },
  }
}

class Process implements Running {
  readonly #command: string
  readonly #child: ChildProcess
  readonly ended: Promise<number | null>
  #output = ''

  constructor(command: string, child: ChildProcess) {
    this.#command = command
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => (this.#output += data.toString()))
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve(code))
    })
  }

  output(): string {
    return this.#output
  }

  async says(text: string | RegExp): Promise<void> {
    const deadline = performance.now() + patienceMs
    const isSaid = () => (typeof text === 'string' ? this.#output.includes(text) : text.test(this.#output))
    while (!isSaid()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || performance.now() > deadline)
        throw new Error(`${this.#command} did not say ${String(text)}:\n${this.#output}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGINT')
    return this.ended
  }
}

/** Of this repository's own tests, of a test runner, and of the npm that has started it. */
function withoutOurs(): NodeJS.ProcessEnv {
  const ours =
    /^(OUTBOXKIT_|KAFKA_BROKERS$|DATABASE_URL$|TSX_|VITEST|NODE_(ENV|OPTIONS|PATH)$|TEST$|INIT_CWD$|npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix|config_workspace))/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
}
