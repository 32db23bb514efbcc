/** Until the size of the rows is known. */
const firstRows = 100
/** Fewer rows than this are never asked for. */
const leastRows = 4

/**
 * How many rows a read asks for. A server unpacks a whole row to tell its size, so of large rows it must not be
 * asked for as many as a batch may have: about twice what a batch may hold in bytes is enough.
 */
export class RowBudget {
  readonly #maxEvents: number
  readonly #maxBytes: number
  #rows: number

  constructor({ maxBatchEvents, maxBatchBytes }: { maxBatchEvents: number; maxBatchBytes: number }) {
    this.#maxEvents = maxBatchEvents
    this.#maxBytes = maxBatchBytes
    this.#rows = Math.min(firstRows, maxBatchEvents)
  }

  /** For the next read. */
  get rows(): number {
    return this.#rows
  }

  /** So many rows of so many bytes in all have come. */
  learn(rows: number, bytes: number): void {
    if (rows === 0) return
    const fitting = Math.ceil((2 * this.#maxBytes * rows) / Math.max(1, bytes))
    this.#rows = Math.min(this.#maxEvents, Math.max(leastRows, fitting))
  }
}
