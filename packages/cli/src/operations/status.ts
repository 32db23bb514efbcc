import { isOutboxError, qualifiedName, type OutboxError } from '@outboxkit/core'
import type { OutboxState } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'
import { explained, readState } from './each-outbox.js'

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

/** One look at an outbox: one statement, which counts no further than 10,000 rows. Rejects as the database does. */
export async function readStatus(outbox: ResolvedOutbox, database: Database): Promise<OutboxStatus> {
  return {
    outbox: outbox.name,
    database: database.name,
    table: qualifiedName(outbox.table, database.dialect),
    state: await readState(database, outbox.table),
  }
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
