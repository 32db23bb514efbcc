import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { bundled } from './bundle.js'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface ChildOptions {
  /** The binary of Node.js. Default: the one that runs the bench. */
  readonly node?: string
  readonly env?: Readonly<Record<string, string>>
  /** Of Node.js. */
  readonly flags?: readonly string[]
}

interface Waiting {
  readonly look: () => void
  readonly fail: (error: Error) => void
}

/**
 * A program of the bench in a process of its own. It gets its configuration as JSON in its only argument and says
 * what happens as lines of JSON; it ends when its standard input does, so none is left behind.
 */
export class Child<Line extends { readonly state: string }> {
  readonly lines: Line[] = []
  readonly pid: number
  readonly #child: ChildProcess
  readonly #name: string
  readonly #waiting = new Set<Waiting>()
  #stderr = ''
  #isAlive = true

  private constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#child = child
    this.pid = child.pid ?? 0
    running.add(child)
    child.stderr?.on(
      'data',
      (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-5000)),
    )
    createInterface({ input: child.stdout! }).on('line', (line) => this.#heard(line))
    child.once('close', (code, signal) => {
      this.#isAlive = false
      running.delete(child)
      const error = new Error(`${name} ended (${signal ?? code}):\n${this.#stderr}`)
      for (const { look, fail } of this.#waiting) {
        look()
        fail(error)
      }
    })
  }

  static async start<Line extends { readonly state: string }>(
    name: string,
    config: object,
    { node = process.execPath, env = {}, flags = [] }: ChildOptions = {},
  ): Promise<Child<Line>> {
    const file = await bundled(name)
    return new Child(
      name,
      spawn(node, [...flags, file, JSON.stringify(config)], {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    )
  }

  /** The first line with this state, also one that has come already. Rejects when the process ends without it. */
  waitFor<S extends Line['state']>(state: S, deadlineMs: number): Promise<Extract<Line, { state: S }>> {
    return this.nth(state, 0, deadlineMs)
  }

  /** The same for a later line with this state; `index` counts from 0. */
  nth<S extends Line['state']>(
    state: S,
    index: number,
    deadlineMs: number,
  ): Promise<Extract<Line, { state: S }>> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        then()
      }
      const waiting: Waiting = {
        look: () => {
          const line = this.lines.filter((one) => one.state === state)[index]
          if (line !== undefined) settle(() => resolve(line as Extract<Line, { state: S }>))
        },
        fail: (error) => settle(() => reject(error)),
      }
      const timer = setTimeout(
        () => waiting.fail(new Error(`${this.#name}: not ${state} after ${deadlineMs} ms\n${this.#tail}`)),
        deadlineMs,
      )
      this.#waiting.add(waiting)
      waiting.look()
      if (!this.#isAlive) waiting.fail(new Error(`${this.#name} has ended:\n${this.#stderr}`))
    })
  }

  /** What it has said last, for whoever wonders. */
  get #tail(): string {
    return (
      this.lines
        .slice(-3)
        .map((line) => JSON.stringify(line))
        .join('\n')
        .slice(-2000) + this.#stderr
    )
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Resident memory now, in MiB, by the kernel's word; `undefined` where there is no /proc. */
  residentMiB(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
      const found = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
      return found === undefined ? undefined : Number(found) / 1024
    } catch {
      return undefined
    }
  }

  /** Asks it to end and waits until it has. */
  async end(): Promise<void> {
    if (!this.#isAlive) return
    const ended = once(this.#child, 'close')
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000)
    await ended
    clearTimeout(timer)
  }

  #heard(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as Line)
    } catch {
      this.#stderr += `${line}\n`
    }
    for (const { look } of this.#waiting) look()
  }
}
