import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attempt } from '../checker/index.js'
import type { Application, Orm } from './applications.js'

export interface TrafficPlan {
  /** Committed changes per ORM, at least. */
  readonly committed: number
  /** Declined payments per ORM, at least. */
  readonly rolledBack: number
  readonly accounts: number
  readonly writers: number
  /** The traffic is spread over about this time, so that faults meet it. Milliseconds. */
  readonly spreadMs: number
  readonly seed: number
}

interface Tally {
  committed: number
  rolledBack: number
}

/** Sixteen impatient customers. Each writer picks an account and a service at random and waits for the answer. */
export class Traffic {
  readonly attempts: Attempt[] = []
  readonly tally: Record<Orm, Tally>
  readonly #applications: readonly Application[]
  readonly #plan: TrafficPlan
  // A connection per request: a kept one may be closed by the service at the moment it is used again.
  readonly #agent = new Agent({ keepAlive: false })
  readonly #random: () => number
  /** Orders that can be cancelled. */
  readonly #orders: string[] = []
  readonly #perAccount = new Map<string, number>()

  constructor(applications: readonly Application[], plan: TrafficPlan) {
    this.#applications = applications
    this.#plan = plan
    this.#random = seeded(plan.seed)
    this.tally = {
      prisma: { committed: 0, rolledBack: 0 },
      drizzle: { committed: 0, rolledBack: 0 },
      knex: { committed: 0, rolledBack: 0 },
    }
  }

  get committed(): number {
    return Object.values(this.tally).reduce((sum, { committed }) => sum + committed, 0)
  }

  get planned(): number {
    return this.#plan.committed * this.#applications.length
  }

  /** Runs until every application has reached its numbers and every account has at least 20 events. */
  async run(signal: AbortSignal): Promise<void> {
    const pauseMs = (this.#plan.spreadMs * this.#plan.writers) / (this.planned * 1.3)
    await Promise.all(Array.from({ length: this.#plan.writers }, () => this.#writer(pauseMs, signal)))
    this.#agent.destroy()
  }

  /** A bank transfer: the transaction has taken its position and stays open until the bank answers. */
  async slowOrder(orm: Orm): Promise<void> {
    await this.#place(this.#application(orm), 'account-with-a-slow-bank', 'bank-transfer')
  }

  async #writer(pauseMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const application = this.#next()
      if (application === undefined) return
      await this.#act(application)
      await sleep(this.#random() * 2 * pauseMs)
    }
  }

  /** The application that is furthest behind, at random among those that are not done. */
  #next(): Application | undefined {
    const open = this.#applications.filter(({ orm }) => {
      const { committed, rolledBack } = this.tally[orm]
      return committed < this.#plan.committed || rolledBack < this.#plan.rolledBack
    })
    if (open.length > 0) return open[Math.floor(this.#random() * open.length)]
    return this.#thinAccount() === undefined
      ? undefined
      : this.#applications[Math.floor(this.#random() * this.#applications.length)]
  }

  #thinAccount(): string | undefined {
    return this.#accounts().find((account) => (this.#perAccount.get(account) ?? 0) < 20)
  }

  #accounts(): string[] {
    return Array.from({ length: this.#plan.accounts }, (_, index) => `account-${index + 1}`)
  }

  async #act(application: Application): Promise<void> {
    const { committed, rolledBack } = this.tally[application.orm]
    const allDone = committed >= this.#plan.committed && rolledBack >= this.#plan.rolledBack
    const account =
      (allDone ? this.#thinAccount() : undefined) ??
      `account-${1 + Math.floor(this.#random() * this.#plan.accounts)}`
    const declines = rolledBack < this.#plan.rolledBack && this.#random() < 0.2
    const cancels = !declines && this.#random() < 0.2 && this.#orders.length > 20
    if (cancels) await this.#cancel(application)
    else await this.#place(application, account, declines ? 'declined-card' : 'card')
  }

  async #place(application: Application, accountId: string, payment: string): Promise<void> {
    const { status, body } = await this.#post(`${application.url}/orders`, {
      accountId,
      total: 1 + Math.floor(this.#random() * 500),
      payment,
    })
    this.#note(application.orm, status)
    if (status === 201) this.#committed(body)
    else if (status !== 402) throw unexpected(application, 'POST /orders', status)
  }

  async #cancel(application: Application): Promise<void> {
    const [id] = this.#orders.splice(Math.floor(this.#random() * this.#orders.length), 1)
    const { status, body } = await this.#post(`${application.url}/orders/${id}/cancel`)
    if (status !== 200) throw unexpected(application, 'cancelling', status)
    this.#note(application.orm, status)
    this.#committed(body, false)
  }

  #committed(body: unknown, cancellable = true): void {
    const order = body as { id: string; account_id?: string; accountId?: string }
    const account = order.account_id ?? order.accountId ?? ''
    this.#perAccount.set(account, (this.#perAccount.get(account) ?? 0) + 1)
    if (cancellable) this.#orders.push(order.id)
  }

  #note(orm: Orm, status: number): void {
    const declined = status === 402
    this.tally[orm][declined ? 'rolledBack' : 'committed'] += 1
    // The service does not tell the id of an event that never happened: a number stands for it.
    if (declined)
      this.attempts.push({
        attempt: `declined-${this.attempts.length}`,
        orm,
        seed: this.#plan.seed,
        outcome: 'fail',
        events: [`declined-${this.attempts.length}`],
        abandoned: [],
      })
  }

  #application(orm: Orm): Application {
    const application = this.#applications.find((candidate) => candidate.orm === orm)
    if (application === undefined) throw new Error(`no application for ${orm}`)
    return application
  }

  #post(url: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    return new Promise((resolve, reject) => {
      const call = request(
        url,
        { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json' } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
            }),
          )
        },
      )
      call.on('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

const unexpected = ({ orm, program }: Application, what: string, status: number): Error =>
  new Error(`${orm}: ${what} answered ${status}. The service's last lines:\n${program.lastLines()}`)

/** A small seeded generator (mulberry32), so that a run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}
