import { qualifiedName, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import type { Database } from '../database/database.js'
import { toEvent } from './row.js'

/** How many of the newest rows are looked at each time; what is behind them is not seen. */
const newestRows = 1_000
/** Of the rows that are there at the start, so many are shown. */
const shownAtStart = 20

export interface Look {
  /** In the order of their positions; a row that is committed late comes late. */
  readonly events: readonly StoredEvent[]
  /** More came since the last look than can be seen. */
  readonly missed: boolean
}

/** Reads what is new in the outbox, and changes nothing. For people: unlike a relay it may miss events. */
export class TableWatcher {
  readonly #table: OutboxTable
  #seen: ReadonlySet<number> | undefined

  constructor(table: OutboxTable) {
    this.#table = table
  }

  /** Rejects as the database does; then nothing counts as seen. */
  async look(database: Database): Promise<Look> {
    const { query, dialect } = database
    const name = qualifiedName(this.#table, dialect)
    const rows = await query(
      `select position from ${name} order by ${name}.position desc limit ${newestRows}`,
    )
    const positions = rows.map((row) => Number(row['position'])).reverse()
    const seen = this.#seen
    const fresh =
      seen === undefined ? positions.slice(-shownAtStart) : positions.filter((at) => !seen.has(at))
    const events = await this.#read(database, fresh)
    this.#seen = new Set(positions)
    const all = fresh.length === newestRows && seen !== undefined && seen.size > 0
    return { events, missed: all }
  }

  async #read({ query, dialect }: Database, positions: readonly number[]): Promise<StoredEvent[]> {
    const events: StoredEvent[] = []
    // A few at a time: rows may be large.
    for (let from = 0; from < positions.length; from += 50) {
      const list = positions.slice(from, from + 50).join(', ')
      const name = qualifiedName(this.#table, dialect)
      const rows = await query(`select * from ${name} where position in (${list}) order by ${name}.position`)
      events.push(...rows.map(toEvent))
    }
    return events
  }
}
