import { isOutboxError, qualifiedName, type OutboxError, type OutboxTable } from '@outboxkit/core'
import { heldBehind, type HeldError, type OutboxState } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'
import { heldName } from './dead-row.js'
import { explained, readState } from './each-outbox.js'
import { raw, run, sql } from './statement.js'

/** How one outbox is doing. */
export interface OutboxStatus {
  readonly outbox: string
  /** Host, port and database. Never a secret. */
  readonly database: string
  readonly table: string
  readonly state: OutboxState
}

/** An outbox that could not be looked at. */
export interface StatusFailure {
  readonly outbox: string
  readonly error: OutboxError
}

/** One look at an outbox: two or three statements, which look at no more than 10,000 rows each. Rejects as the database does. */
export async function readStatus(outbox: ResolvedOutbox, database: Database): Promise<OutboxStatus> {
  return {
    outbox: outbox.name,
    database: database.name,
    table: qualifiedName(outbox.table, database.dialect),
    state: {
      ...(await readState(database, outbox.table)),
      lastError: await readLastError(database, outbox.table),
    },
  }
}

// Rows of the held table that are looked at, from its end and then from its beginning.
const searchedRows = 10_000

/** Why the last event was held that does not only wait behind another one. */
export async function readLastError(database: Database, table: OutboxTable): Promise<HeldError | undefined> {
  const held = heldName(database, table)
  const age =
    database.dialect === 'postgres'
      ? '(extract(epoch from clock_timestamp() - h.held_at))::text'
      : 'cast(timestampdiff(microsecond, h.held_at, utc_timestamp(6)) / 1000000 as char)'
  for (const order of ['desc', 'asc']) {
    const [row] = await run(
      database,
      sql`select h.scope_kind, h.scope, h.code, h.reason, h.attempts, ${raw(age)} as age from (
          select * from ${held} order by position ${raw(order)} limit ${raw(String(searchedRows))}) h
        where h.code <> ${heldBehind} order by h.held_at desc, h.position desc limit 1`,
    )
    if (row === undefined) continue
    return {
      scopeKind: row['scope_kind'] as HeldError['scopeKind'],
      scope: String(row['scope']),
      code: String(row['code']),
      reason: String(row['reason']),
      attempts: Number(row['attempts']),
      ageSeconds: Math.max(0, Number(row['age'])),
    }
  }
  return undefined
}

/** The first event that is not published, and does not wait out of line, is older than this. */
export function isOlderThan({ state: { backlog } }: OutboxStatus, limitMs: number): boolean {
  return backlog.oldestAgeSeconds !== null && backlog.oldestAgeSeconds * 1_000 > limitMs
}

/** Looks at outboxes again and again; a database that fails is connected anew at the next look. */
export class StatusReader {
  readonly #outboxes: readonly ResolvedOutbox[]
  readonly #databases = new Map<string, Database>()

  constructor(outboxes: readonly ResolvedOutbox[]) {
    this.#outboxes = outboxes
  }

  /** All of them side by side; one that fails does not keep the others from answering. */
  async read(): Promise<readonly (OutboxStatus | StatusFailure)[]> {
    return Promise.all(this.#outboxes.map((outbox) => this.#readOne(outbox)))
  }

  async close(): Promise<void> {
    const databases = [...this.#databases.values()]
    this.#databases.clear()
    await Promise.all(databases.map((database) => database.close()))
  }

  async #readOne(outbox: ResolvedOutbox): Promise<OutboxStatus | StatusFailure> {
    try {
      const database = this.#databases.get(outbox.name) ?? (await openDatabase(outbox.database))
      this.#databases.set(outbox.name, database)
      return await readStatus(outbox, database)
    } catch (error) {
      if (!isOutboxError(error)) throw error
      await this.#databases.get(outbox.name)?.close()
      this.#databases.delete(outbox.name)
      return { outbox: outbox.name, error: explained(error, outbox) as OutboxError }
    }
  }
}
