import { setTimeout as sleep } from 'node:timers/promises'
import { ledgerOn, type SqlConnection } from '../checker/databases/index.js'
import type { Attempt } from '../checker/history.js'
import type { LedgerPlace } from '../checker/ledger.js'
import type { Records } from '../checker/records.js'
import { runPlan, type Emitted, type WorkloadClient } from './client.js'
import { databaseAt, type WorkloadDatabase } from './databases/index.js'
import { planTransaction, type Plan } from './plan.js'
import { Random } from './random.js'

export interface WorkloadOptions {
  readonly databaseUrl: string
  readonly place: LedgerPlace
  readonly clients: readonly WorkloadClient[]
  readonly seed: number
  /** Stops once this many events have committed, */
  readonly events: number
  /** and not before this has settled, so that what is done meanwhile meets a workload from beginning to end. */
  readonly until?: Promise<unknown>
  readonly attempts: Records<Attempt>
  /** Default 50. */
  readonly keys?: number
  /** Writers that go round as fast as they can. Default 16. */
  readonly writers?: number
  /** Writers that queue for rows which a long transaction holds. Default 4. */
  readonly queuers?: number
  /** Writers that hold an early position. Default 3. */
  readonly holders?: number
  /** How long they hold it. Default 5 to 8 s. */
  readonly holdMs?: readonly [low: number, high: number]
  /** Longest random pause of an ordinary writer between two transactions, to stretch a run. Default 0. */
  readonly thinkMs?: number
  /** Default 0.1. */
  readonly rollbackShare?: number
  /** A transaction that writes somewhere else and stays open. Default true. */
  readonly foreign?: boolean
  /** Ends the run early: what is open is finished, nothing new begins. */
  readonly signal?: AbortSignal
  /** Told after every transaction that commits. */
  readonly onCommitted?: (events: number) => void
}

export interface WorkloadResult {
  readonly committed: number
  readonly transactions: number
  readonly failed: number
  readonly seconds: number
}

export const keyNames = (count: number): string[] =>
  // Of different lengths: the partitioner looks at four bytes at a time.
  Array.from(
    { length: count },
    (_, index) => `order-${'x'.repeat(index % 5)}${String(index).padStart(3, '0')}`,
  )

/** Makes what the workload writes to; the outbox's own tables must be there. */
export async function prepareWorkload(databaseUrl: string, place: LedgerPlace, keys = 50): Promise<void> {
  const ledger = ledgerOn(databaseUrl)
  await withConnection(databaseUrl, async (connection) => {
    for (const statement of ledger.createLedgerSql(place)) await connection.query(statement)
    await connection.query(databaseAt(databaseUrl).createForeignSql(place))
    const { text, values } = ledger.createAggregatesSql(place, keyNames(keys))
    await connection.query(text, values)
  })
}

/** Writers that contend for few keys through all clients, until enough has committed. */
export async function runWorkload(options: WorkloadOptions): Promise<WorkloadResult> {
  const started = performance.now()
  const run = new Run(options)
  const random = new Random(options.seed)
  const roles: Role[] = [
    ...Array<Role>(options.writers ?? 16).fill('writer'),
    ...Array<Role>(options.queuers ?? 4).fill('queuer'),
    ...Array<Role>(options.holders ?? 3).fill('holder'),
  ]
  const loops = roles.map((role, index) => {
    const client = options.clients[index % options.clients.length]!
    return run.loop(role, client, random.fork())
  })
  if (options.foreign ?? true) loops.push(run.foreignLoop(random.fork()))
  const ended = await Promise.allSettled(loops)
  for (const end of ended) if (end.status === 'rejected') throw end.reason
  return { ...run.result, seconds: (performance.now() - started) / 1000 }
}

type Role = 'writer' | 'queuer' | 'holder'

class Run {
  readonly result = { committed: 0, transactions: 0, failed: 0 }
  readonly #options: WorkloadOptions
  readonly #database: WorkloadDatabase
  readonly #keys: readonly string[]
  /** Keys that a holder has locked, with how many hold them. */
  readonly #held = new Set<string>()
  #unexpectedInARow = 0
  #stopped = false
  #isAwaited = false

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#database = databaseAt(options.databaseUrl)
    if (options.until !== undefined) {
      this.#isAwaited = true
      const settled = (): void => {
        this.#isAwaited = false
      }
      options.until.then(settled, settled)
    }
    this.#keys = keyNames(options.keys ?? 50)
  }

  get #done(): boolean {
    if (this.#stopped || this.#options.signal?.aborted === true) return true
    return !this.#isAwaited && this.result.committed >= this.#options.events
  }

  async loop(role: Role, client: WorkloadClient, random: Random): Promise<void> {
    const { thinkMs = 0 } = this.#options
    try {
      while (!this.#done) {
        const own = random.fork()
        const keys = this.#keysFor(role, own)
        if (role !== 'holder') {
          await this.#attempt(client, this.#plan(own, keys))
          if (role === 'writer' && thinkMs > 0) await sleep(own.between(0, thinkMs))
        } else {
          const [low, high] = this.#options.holdMs ?? [5000, 8000]
          for (const key of keys) this.#held.add(key)
          await this.#attempt(client, this.#plan(own, keys, own.between(low, high)))
          for (const key of keys) this.#held.delete(key)
          await sleep(own.between(50, 500))
        }
      }
    } finally {
      // One loop that gives up ends the run; the error says why.
      if (!this.#done) this.#stopped = true
    }
  }

  /** Writes where no outbox is: a reader that waits for other people's transactions would stall behind it. */
  async foreignLoop(random: Random): Promise<void> {
    const { databaseUrl, place, holdMs } = this.#options
    const [, longest] = holdMs ?? [5000, 8000]
    await withConnection(databaseUrl, async (connection) => {
      while (!this.#done) {
        await connection.query('begin')
        await connection.query(this.#database.insertForeignSql(place, random.between(1, 1e6)))
        const until = performance.now() + longest
        while (!this.#done && performance.now() < until) await sleep(100)
        await connection.query('commit')
      }
    })
  }

  #plan(random: Random, keys: readonly string[], holdMs?: number): Plan {
    const rollbackShare = this.#options.rollbackShare ?? 0.1
    return planTransaction(random, { keys, rollbackShare, ...(holdMs === undefined ? {} : { holdMs }) })
  }

  /**
   * Ascending. Ordinary writers seldom take a key that a long transaction holds, or all of them would soon sleep
   * on it; queuers always do, because the event behind the late one is the one that a wrong reader overtakes with.
   */
  #keysFor(role: Role, random: Random): string[] {
    const free = this.#keys.filter((key) => !this.#held.has(key))
    if (role === 'holder') return [random.pick(free)]
    const held = [...this.#held]
    if (held.length > 0 && (role === 'queuer' || random.chance(0.0005))) return [random.pick(held)]
    const count = random.chance(0.15) ? random.between(2, 3) : 1
    return [...new Set(Array.from({ length: count }, () => random.pick(free)))].sort()
  }

  async #attempt(client: WorkloadClient, plan: Plan): Promise<void> {
    const { place, attempts, onCommitted } = this.#options
    const database = this.#database
    const attempt = `${client.orm}-${plan.seed}-${(this.result.transactions += 1)}`
    const emitted: Emitted = { events: [], abandoned: [] }
    let reachedCommit = false
    const record = (outcome: Attempt['outcome'], error?: unknown): void =>
      attempts.add({
        attempt,
        orm: client.orm,
        seed: plan.seed,
        outcome,
        ...emitted,
        ...(error === undefined
          ? {}
          : { error: error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error) }),
      })
    try {
      await client.transaction(async (tx) => {
        await runPlan(tx, plan, { database, place, orm: client.orm, attempt, emitted })
        reachedCommit = true
      })
      record('ok')
      this.#unexpectedInARow = 0
      this.result.committed += emitted.events.length
      onCommitted?.(this.result.committed)
    } catch (error) {
      // Nobody knows what became of a COMMIT whose answer did not come; the ledger will.
      record(reachedCommit ? 'unknown' : 'fail', plan.commit ? error : undefined)
      if (!plan.commit) return
      this.result.failed += 1
      if ((this.#unexpectedInARow += 1) > 50) throw error
      await sleep(20)
    }
  }
}

async function withConnection(
  url: string,
  work: (connection: SqlConnection) => Promise<void>,
): Promise<void> {
  const connection = await ledgerOn(url).connect(url, 'workload')
  try {
    await work(connection)
  } finally {
    await connection.end()
  }
}
