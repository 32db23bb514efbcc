import type { Shell } from './commands.js'

/** What `status` says, as far as it is checked. */
interface Status {
  readonly backlog: number
  readonly held: number
  readonly owner: string | null
}

interface StatusData {
  readonly backlog: { readonly rows: number }
  /** By kind; `null`: none of this kind. */
  readonly held: Readonly<Record<string, { readonly rows: number } | null>>
  readonly lease: { readonly owner: string | null } | null
}

const patienceMs = 30_000

/** The commands of operations, with `--json`. */
export class Operations {
  readonly #shell: Shell
  readonly #env: Readonly<Record<string, string>>

  constructor(shell: Shell, env: Readonly<Record<string, string>>) {
    this.#shell = shell
    this.#env = env
  }

  /** Asks `status` until it says what is the case: a relay needs its moment. */
  async until(what: string, isSo: (status: Status) => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      const data = await this.#json<StatusData>('status')
      const held = Object.values(data.held).reduce((sum, kind) => sum + (kind?.rows ?? 0), 0)
      const status = { backlog: data.backlog.rows, held, owner: data.lease?.owner ?? null }
      if (isSo(status)) return
      if (performance.now() > deadline)
        throw new Error(`status does not say that ${what}: ${JSON.stringify(data)}`)
    }
  }

  /** Ids of the first event of each scope. */
  async dead(): Promise<readonly string[]> {
    const { scopes } = await this.#json<{ scopes: { first: { id: string } }[] }>('dead list')
    return scopes.map(({ first }) => first.id)
  }

  async discard(id: string): Promise<void> {
    await this.#json(`dead discard ${id} --yes --wait`)
  }

  /** `severity check` of everything that is worse than an information. */
  async doctor(exitCode: number): Promise<readonly string[]> {
    const { outboxes } = await this.#json<{
      outboxes: { findings: { severity: string; check: string }[] }[]
    }>('doctor', exitCode)
    return outboxes
      .flatMap(({ findings }) => findings)
      .filter(({ severity }) => severity === 'fatal' || severity === 'warning')
      .map(({ severity, check }) => `${severity} ${check}`)
  }

  async #json<Data>(command: string, exitCode = 0): Promise<Data> {
    const output = await this.#shell.run(`npx outboxkit ${command} --json`, { env: this.#env, exitCode })
    // Notes for people go to standard error, which is caught as well.
    const line = output.split('\n').find((text) => text.startsWith('{')) ?? output
    return JSON.parse(line) as Data
  }
}
