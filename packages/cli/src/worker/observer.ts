import { outboxMetrics, type OutboxState } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'

// Answers of this age are as good as new: several may ask at once.
const freshMs = 2_000
// A connection that has gone silent must not keep a health check.
const answerMs = 8_000
// Nobody has asked for this long: the connection is given back.
const idleMs = 120_000

/**
 * Measures the backlog, on a connection of its own, so that neither waits for the other: what the relay itself
 * believes may be the very thing that is wrong. Connects when it is asked.
 */
export class Observer {
  readonly #outbox: ResolvedOutbox
  #database: Promise<Database> | undefined
  #running: Promise<OutboxState | undefined> | undefined
  #last: { readonly state: OutboxState; readonly at: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(outbox: ResolvedOutbox) {
    this.#outbox = outbox
  }

  /** `undefined`: the database did not answer. */
  async measure(): Promise<OutboxState | undefined> {
    if (this.#closed) return undefined
    if (this.#last !== undefined && performance.now() - this.#last.at < freshMs) return this.#last.state
    return (this.#running ??= this.#measureOnce().finally(() => (this.#running = undefined)))
  }

  async #measureOnce(): Promise<OutboxState | undefined> {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.release(), idleMs)
    this.#timer.unref()
    const { database: settings, table } = this.#outbox
    try {
      const opening = (this.#database ??= openDatabase(settings, {
        connectTimeoutMs: 5_000,
        statementTimeoutMs: 5_000,
      }))
      const answer = opening.then(({ query, dialect }) => outboxMetrics(query, { dialect, table }))
      const state = await bounded(answer, answerMs)
      this.#last = { state, at: performance.now() }
      return state
    } catch {
      // The relay's own connections say what is wrong.
      await this.release()
      return undefined
    }
  }

  /** Gives the connection back; the next question opens another. */
  async release(): Promise<void> {
    clearTimeout(this.#timer)
    const database = this.#database
    this.#database = undefined
    this.#last = undefined
    if (database === undefined) return
    const opened = await bounded(database, answerMs).catch(() => undefined)
    if (opened !== undefined) await bounded(opened.close(), answerMs).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.release()
  }
}

async function bounded<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    clearTimeout(timer)
  }
}
