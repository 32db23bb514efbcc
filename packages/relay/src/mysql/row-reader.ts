import type { StoredEvent } from '@outboxkit/core'
import type { Probes } from '../hole-set.js'
import { RowBudget } from '../row-budget.js'
import type { Connection, RawRow } from './connection.js'
import { text, toEvent, toPayload, toPosition } from './decode.js'
import type { ResolvedSourceOptions } from './options.js'
import { readContents, readEvents, type TablePlace } from './statements.js'

/** What one read says. */
export interface Answer {
  /** Which session has answered: its `@outboxkit`. */
  readonly token: string
  /** When the table was made. */
  readonly identity: string
  /** The table's next number. */
  readonly nextNumber: number
  /** Id of the event that is at the position from which was read on. */
  readonly idAtHigh: string | undefined
  /** In position order. */
  readonly events: readonly StoredEvent[]
  /** More may be there above the last event. */
  readonly truncated: boolean
}

/** Reads rows, bounded in number and bytes, in one snapshot. */
export class RowReader {
  readonly #connection: Connection
  readonly #options: ResolvedSourceOptions
  readonly #place: TablePlace
  /** Larger rows are fetched on their own, so that an answer stays small whatever the rows are. */
  readonly #maxInlineBytes: number
  readonly #budget: RowBudget

  constructor(connection: Connection, options: ResolvedSourceOptions, place: TablePlace) {
    this.#connection = connection
    this.#options = options
    this.#place = place
    this.#budget = new RowBudget(options)
    this.#maxInlineBytes = Math.max(1_024, Math.floor((4 * options.maxBatchBytes) / options.maxBatchEvents))
  }

  /** The rows at the probed positions, and those above `high`. */
  async read(probes: Probes, high: number): Promise<Answer> {
    const maxEvents = this.#budget.rows
    const request = { ...probes, high, maxEvents, maxInlineBytes: this.#maxInlineBytes }
    const { rows } = await this.#connection.query(readEvents(this.#options.table, this.#place, request))
    const found = rows.filter(([position]) => position !== null)
    const atHigh = found.find(([position]) => toPosition(position) === high)
    const body = found.filter((row) => row !== atHigh).sort((a, b) => toPosition(a[0]) - toPosition(b[0]))
    const taken = bounded(body, maxEvents, this.#options.maxBatchBytes)
    this.#budget.learn(
      body.length,
      body.reduce((sum, row) => sum + Number(row[1]), 0),
    )
    return {
      ...toState(rows),
      idAtHigh: atHigh === undefined ? undefined : (text(atHigh[2]) ?? ''),
      events: await this.#complete(taken),
      truncated: taken.length < body.length || taken.length >= maxEvents,
    }
  }

  /** Fetches what was too large. A row that has gone since, by somebody's hand, is left out: it stays a hole. */
  async #complete(rows: readonly RawRow[]): Promise<StoredEvent[]> {
    const large = rows.filter((row) => Number(row[1]) > this.#maxInlineBytes)
    if (large.length === 0) return rows.map(toEvent)
    const positions = large.map(([position]) => toPosition(position))
    const contents = await this.#connection.query(readContents(this.#options.table, positions))
    const byPosition = new Map(contents.rows.map((row) => [toPosition(row[0]), row]))
    return rows.flatMap((row) => {
      if (Number(row[1]) <= this.#maxInlineBytes) return [toEvent(row)]
      const content = byPosition.get(toPosition(row[0]))
      const event = toEvent(row)
      if (content === undefined || text(content[1]) !== event.id) return []
      return [{ ...event, payload: toPayload(content[2]), headers: text(content[3]) }]
    })
  }
}

/** The first rows, up to a number, the last one being that which reaches `maxBytes`. */
function bounded(rows: readonly RawRow[], maxRows: number, maxBytes: number): RawRow[] {
  const taken: RawRow[] = []
  let bytes = 0
  for (const row of rows) {
    if (taken.length >= maxRows || bytes >= maxBytes) break
    taken.push(row)
    bytes += Number(row[1])
  }
  return taken
}

/** The row without a position: token of the session, when the table was made, next number. */
function toState(rows: readonly RawRow[]): { token: string; identity: string; nextNumber: number } {
  const row = rows.find(([position]) => position === null)
  const [token = '', identity = '', next] = String(row?.[1] ?? '').split('/')
  // MySQL 8.0.15 knows none before the first row
  return { token, identity, nextNumber: next === undefined ? Infinity : Number(next) }
}
