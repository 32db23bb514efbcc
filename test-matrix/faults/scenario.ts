import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { schemaSql } from '@outboxkit/core'
import type { FaultPoint } from '@outboxkit/relay'
import {
  checkRun,
  ledgerOn,
  Records,
  type Attempt,
  type FaultRecord,
  type LedgerPlace,
  type Report,
  type RunToCheck,
  type SqlConnection,
} from '../checker/index.js'
import type { WorkloadClient } from '../workload/client.js'
import { databaseAt } from '../workload/databases/index.js'
import { RelayChild } from '../workload/relay-child.js'
import type { RelayConfig } from '../workload/relay-config.js'
import { describeRun } from './describe-run.js'
import {
  prepareWorkload,
  runWorkload,
  type WorkloadOptions,
  type WorkloadResult,
} from '../workload/workload.js'

const source = '/faults'

export interface ScenarioOptions {
  readonly databaseUrl: string
  readonly brokers: readonly string[]
  /** A fresh schema or, on MySQL, the database of the URL; the scenario makes the tables in it. */
  readonly schema: string
  /** A fresh topic. */
  readonly topic: string
  readonly seed: number
  /** Default 2,000: short, so that tests do not wait. */
  readonly termMs?: number
  /** Relays archive what they have published. Default: they delete it. */
  readonly archive?: boolean
  /** Where the application connects to, if something stands between it and the database. */
  readonly applicationUrl?: string
}

/** What is written: how much at least, by how many writers, how long transactions are held. */
export type Load = Pick<
  WorkloadOptions,
  'events' | 'writers' | 'queuers' | 'holders' | 'holdMs' | 'thinkMs' | 'rollbackShare' | 'foreign'
>

/** One run: a workload, relays that come and go, faults, and the checker's verdict at the end. */
export class Scenario {
  readonly seed: number
  readonly faults: FaultRecord[] = []
  readonly relays: RelayChild[] = []
  readonly place: LedgerPlace
  readonly #options: ScenarioOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'outboxkit-run-'))
  readonly #attempts: Records<Attempt>
  readonly #faultFile: Records<FaultRecord>
  readonly #started = performance.now()
  #clients: WorkloadClient[] = []
  #committed = 0
  readonly #closing = new AbortController()
  #writing: Promise<unknown> = Promise.resolve()
  result: WorkloadResult | undefined

  private constructor(options: ScenarioOptions) {
    this.#options = options
    this.seed = options.seed
    this.place = { schema: options.schema, outbox: 'outbox' }
    this.#attempts = new Records(join(this.#folder, 'attempts.jsonl'))
    this.#faultFile = new Records(join(this.#folder, 'faults.jsonl'))
  }

  static async create(options: ScenarioOptions): Promise<Scenario> {
    const scenario = new Scenario(options)
    const database = databaseAt(options.databaseUrl)
    const parts = options.archive === true ? (['archive'] as const) : []
    for (const statement of schemaSql(database.dialect, { schema: options.schema, with: parts }))
      await scenario.query(statement)
    await prepareWorkload(options.databaseUrl, scenario.place)
    await scenario.#connected((connection) => database.prepareRelays(connection, scenario.place))
    scenario.#clients = await database.clients({
      databaseUrl: options.applicationUrl ?? options.databaseUrl,
      place: scenario.place,
      connections: 12,
    })
    return scenario
  }

  get committed(): number {
    return this.#committed
  }

  /** What the callers of the workload were told so far. */
  get attempts(): readonly Attempt[] {
    return this.#attempts.read()
  }

  relay(name: string, config: Partial<RelayConfig> = {}): RelayChild {
    const { databaseUrl, brokers, schema, topic, termMs = 2_000, archive = false } = this.#options
    const cleanup = archive ? 'archive' : 'delete'
    const told = { databaseUrl, brokers, schema, topic, source, termMs, cleanup, ...config } as const
    const child = new RelayChild(name, told)
    this.relays.push(child)
    return child
  }

  /**
   * Writes until `events` have committed and `meanwhile`, which breaks things, has ended. If it fails, writing ends
   * early, and the other way round.
   */
  async write(load: Load, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const until = meanwhile()
    until.catch(() => this.#closing.abort())
    const writing = runWorkload({
      databaseUrl: this.#options.databaseUrl,
      place: this.place,
      clients: this.#clients,
      seed: this.seed,
      attempts: this.#attempts,
      until,
      signal: this.#closing.signal,
      onCommitted: (events) => {
        this.#committed = events
      },
      ...load,
    })
    this.#writing = writing.catch(() => undefined)
    const [result] = await Promise.all([writing, until])
    this.result = result
  }

  /** Resolves when the workload has committed that many events. */
  async committedAtLeast(events: number, deadlineMs = 240_000): Promise<void> {
    const deadline = performance.now() + deadlineMs
    while (this.#committed < events) {
      if (performance.now() > deadline)
        throw new Error(`only ${this.#committed} of ${events} events committed`)
      await sleep(10)
    }
  }

  /** Does a fault and records it; one that fails to happen is on record as well, and fails the run. */
  async fault(name: string, act: () => Promise<void> | void): Promise<void> {
    const record = { fault: name, seed: this.seed, atMs: Math.round(performance.now() - this.#started) }
    try {
      await act()
      this.#note({ ...record, fired: true })
    } catch (error) {
      this.#note({ ...record, fired: false })
      throw error
    }
  }

  /** kill -9, and the proof that it was that. */
  async kill9(relay: RelayChild): Promise<void> {
    await this.fault(`kill -9 ${relay.name}`, async () => {
      relay.kill('SIGKILL')
      const end = await relay.ended
      if (end !== 'SIGKILL') throw new Error(`relay ${relay.name} ended by ${end}\n${relay.stderr}`)
    })
  }

  /** Waits for the kill -9 that a relay was told to give itself at a point. */
  async diesAt(relay: RelayChild, point: FaultPoint): Promise<void> {
    await this.fault(`kill -9 ${relay.name} ${point}`, async () => {
      const end = await relay.ended
      if (
        end !== 'SIGKILL' ||
        !relay.states.some((state) => state.state === 'dying' && state.point === point)
      )
        throw new Error(`relay ${relay.name} ended by ${end}, not at ${point}\n${relay.stderr}`)
    })
  }

  query(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.#connected((connection) => connection.query(text, values))
  }

  /** Fault 11: in whatever the relays are doing at that moment - idle, reading, settling, renewing. */
  async endRelayConnections(): Promise<void> {
    await this.fault('connections ended', async () => {
      const ended = await this.#connected((connection) =>
        databaseAt(this.#options.databaseUrl).endRelayConnections(connection, this.place),
      )
      if (ended === 0) throw new Error('no connection of a relay was found')
    })
  }

  async #connected<T>(work: (connection: SqlConnection) => Promise<T>): Promise<T> {
    const { databaseUrl } = this.#options
    const connection = await ledgerOn(databaseUrl).connect(databaseUrl, 'scenario')
    try {
      return await work(connection)
    } finally {
      await connection.end()
    }
  }

  /** The relay that says it owns the lease. */
  async owner(deadlineMs = 30_000): Promise<RelayChild> {
    const deadline = performance.now() + deadlineMs
    for (;;) {
      const owner = this.relays.findLast((relay) => relay.isOwner)
      if (owner !== undefined) return owner
      if (performance.now() > deadline) throw new Error('no relay became owner')
      await sleep(10)
    }
  }

  /**
   * Waits for the backlog to drain (a relay must be running) and lets the checker decide. `planted`: the run is to
   * fail, so its records are of no use.
   */
  async check(
    options: Partial<RunToCheck> & Pick<RunToCheck, 'minEmitted'> & { planted?: string },
  ): Promise<Report> {
    const { databaseUrl, brokers, topic } = this.#options
    const { planted, ...settings } = options
    const found = await checkRun({
      databaseUrl,
      place: this.place,
      brokers,
      topics: [topic],
      wire: { source, topic },
      attempts: this.#attempts.read(),
      faults: this.faults,
      requireFaults: true,
      ...settings,
    })
    const report = { ...found, failures: [...found.failures, ...this.#brokenProofs()] }
    const { seed, faults, relays, result } = this
    console.log(describeRun({ seed, faults, relays, result, report, planted, folder: this.#folder }))
    if (report.failures.length === 0 || planted !== undefined)
      rmSync(this.#folder, { recursive: true, force: true })
    return report
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await Promise.all(this.relays.map((relay) => relay.end()))
    await Promise.all(this.#clients.map((client) => client.close()))
    const database = databaseAt(this.#options.databaseUrl)
    await this.#connected((connection) => database.forgetRelays(connection, this.place))
  }

  /** A row that only the safety sweep finds was given up too early, even if the order happens to be right. */
  #brokenProofs(): string[] {
    const late = this.relays.flatMap(({ states }) =>
      states.map((state) => (state.state === 'late' ? state.count : 0)),
    )
    const count = late.reduce((sum, one) => sum + one, 0)
    return count === 0 ? [] : [`${count} events found by the sweep only`]
  }

  #note(record: FaultRecord): void {
    this.faults.push(record)
    this.#faultFile.add(record)
  }
}
