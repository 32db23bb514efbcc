import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { databaseAt } from './databases/index.js'
import type { RelayConfig, RelayState } from './relay-config.js'

const script = fileURLToPath(new URL('./relay-process.ts', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
const children = new Set<ChildProcess>()

// A stopped process does not see that its standard input ended.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A relay process as its parent sees it. */
export class RelayChild {
  readonly name: string
  readonly states: RelayState[] = []
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<NodeJS.Signals | number>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #stderr = ''
  #isAlive = true

  constructor(name: string, config: RelayConfig) {
    this.name = name
    const databaseUrl = databaseAt(config.databaseUrl).relayUrl(config.databaseUrl, config.schema)
    const argument = JSON.stringify({ ...config, databaseUrl })
    this.#child = spawn(config.node ?? process.execPath, ['--import', 'tsx', script, argument], {
      cwd: root,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    children.add(this.#child)
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-10_000)
    })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#heard(line))
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#isAlive = false
        children.delete(this.#child)
        for (const wake of this.#waiting) wake()
        resolve(signal ?? code ?? -1)
      })
    })
  }

  /** By its own word. */
  get isOwner(): boolean {
    const last = this.states.findLast(({ state }) => state === 'owner' || state === 'standby')
    return this.#isAlive && last?.state === 'owner'
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** What it wrote to standard error, or the tail of it. */
  get stderr(): string {
    return this.#stderr
  }

  /** Of the last time it became owner; 0: never. */
  get epoch(): number {
    const last = this.states.findLast((state) => state.state === 'owner')
    return last?.epoch ?? 0
  }

  get published(): number {
    const last = this.states.findLast((state) => state.state === 'published')
    return last?.total ?? 0
  }

  /** Waits for a state, also one that has been there; fails when the process ends without it. */
  async waitFor<S extends RelayState['state']>(
    state: S,
    test: (found: Extract<RelayState, { state: S }>) => boolean = () => true,
    deadlineMs = 30_000,
  ): Promise<void> {
    const isThere = (): boolean =>
      this.states.some((one) => one.state === state && test(one as Extract<RelayState, { state: S }>))
    const deadline = performance.now() + deadlineMs
    while (!isThere()) {
      const left = deadline - performance.now()
      if (!this.#isAlive || left <= 0) throw this.#not(state)
      await this.#change(left)
    }
  }

  /** Waits until it has last said so; what it said before does not count. */
  async waitForLast(state: 'owner' | 'standby', deadlineMs = 30_000): Promise<void> {
    const deadline = performance.now() + deadlineMs
    const last = (): string | undefined =>
      this.states.findLast((one) => one.state === 'owner' || one.state === 'standby')?.state
    while (last() !== state) {
      const left = deadline - performance.now()
      if (!this.#isAlive || left <= 0) throw this.#not(state)
      await this.#change(left)
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ends it by `signal` and waits for its end; a stopped process is woken first. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.#isAlive) return
    this.#child.kill('SIGCONT')
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000)
    await this.ended
    clearTimeout(timer)
  }

  #not(state: string): Error {
    const verb = this.#isAlive ? 'is' : 'ended and was'
    const last = JSON.stringify(this.states.slice(-5))
    return new Error(`relay ${this.name} ${verb} not ${state}; last: ${last}\n${this.#stderr}`)
  }

  #heard(line: string): void {
    try {
      this.states.push(JSON.parse(line) as RelayState)
    } catch {
      this.#stderr += `${line}\n`
    }
    for (const wake of this.#waiting) wake()
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
    })
  }
}
