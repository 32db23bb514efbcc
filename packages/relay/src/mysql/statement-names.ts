import type { RawRow } from './connection.js'

const none: ReadonlySet<string> = new Set()

/**
 * Gives the running statements names that go away only when the statement has ended.
 *
 * Each row is a thread and the number of its statement, or null. The number can be missing from a look although the
 * statement runs on: performance_schema leaves out a row that is being written, as it is whenever a function of the
 * statement runs one of its own. So an unnamed statement may be the one that was named before, and the next name
 * may be that of the unnamed one: both names stay until the thread is seen without any statement.
 */
export class StatementNames {
  #running = new Map<string, { readonly number: string | undefined; readonly wasUnnamed: boolean }>()

  /** No statement runs. */
  none(): ReadonlySet<string> {
    this.#running.clear()
    return none
  }

  /** The names of what runs now, by the rows of one look. */
  seen(rows: readonly RawRow[]): ReadonlySet<string> {
    const before = this.#running
    this.#running = new Map()
    const names = new Set<string>()
    for (const [id, number] of rows) {
      const thread = String(id)
      const last = before.get(thread)
      const statement = {
        number: number == null ? last?.number : String(number),
        wasUnnamed: number == null || last?.wasUnnamed === true,
      }
      this.#running.set(thread, statement)
      if (statement.number !== undefined) names.add(`${thread}/${statement.number}`)
      if (statement.wasUnnamed) names.add(`${thread}/?`)
    }
    return names
  }
}
