import { setTimeout as sleep } from 'node:timers/promises'
import { runDev, type DevOptions } from '../src/dev/dev.js'
import { DevPrinter } from '../src/dev/print.js'
import type { ResolvedOutbox } from '../src/index.js'
import { streamOutput } from '../src/output/streams.js'

/** One line of `outboxkit dev --json`. */
export type Line = Readonly<Record<string, unknown>>

/** A dev that runs beside the test. */
export class RunningDev {
  readonly lines: Line[] = []
  /** Resolves with the error that it ended with, or `undefined`. */
  readonly ended: Promise<unknown>
  readonly #stop = new AbortController()

  constructor(outbox: ResolvedOutbox, options: Partial<DevOptions> = {}) {
    const write = (text: string): void => {
      for (const line of text.split('\n')) if (line !== '') this.lines.push(JSON.parse(line) as Line)
    }
    const output = streamOutput(
      { stdin: {}, stdout: { write }, stderr: { write: () => undefined } },
      {},
      true,
    )
    const project = { file: undefined, migrations: { tool: 'knex' } } as const
    this.ended = runDev(outbox, project, {
      wish: undefined,
      environment: {},
      ...options,
      printer: new DevPrinter(output, { label: undefined, full: false }),
      signal: this.#stop.signal,
    }).catch((error: unknown) => error)
  }

  of(kind: string): Line[] {
    return this.lines.filter((line) => line['kind'] === kind)
  }

  /** Waits for a state, and gives the line that says it. */
  async until(state: string): Promise<Line> {
    const find = (): Line | undefined => this.of('state').find((line) => line['state'] === state)
    await this.#wait(() => find() !== undefined, `the state ${state}`)
    return find() ?? {}
  }

  async events(count: number): Promise<Line[]> {
    await this.#wait(() => this.of('event').length >= count, `${count} events`)
    return this.of('event')
  }

  /** Throws what it ended with. */
  async stop(): Promise<void> {
    this.#stop.abort()
    const error = await this.ended
    if (error !== undefined) throw error
  }

  async #wait(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 20_000
    while (!condition()) {
      if (performance.now() > deadline)
        throw new Error(`${what} did not come: ${JSON.stringify(this.lines, null, 2)}`)
      await sleep(10)
    }
  }
}
