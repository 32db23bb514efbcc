/** What an opened source has returned and not settled, and the safety net over it. */

export interface SweepOptions {
  readonly sweepIntervalMs: number
  /** The sweep runs for at most one part in this many of the time. */
  readonly sweepShare: number
  readonly maxBatchEvents: number
}

/** Positions in one page of a sweep. */
export const sweepPage = 10_000

export class Sweep {
  readonly #options: SweepOptions
  readonly #isHole: (position: number) => boolean
  readonly #inFlight = new Set<number>()
  /** Settled since the running sweep began; `undefined` when none runs. */
  #settledMeanwhile: Set<number> | undefined
  #dueAt: number
  #count = 0

  constructor(options: SweepOptions, isHole: (position: number) => boolean) {
    this.#options = options
    this.#isHole = isHole
    this.#dueAt = performance.now() + options.sweepIntervalMs
  }

  /** Sweeps so far. */
  get count(): number {
    return this.#count
  }

  /** Returned and not settled. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** The lowest position in flight; `undefined` when nothing is. */
  get lowestInFlight(): number | undefined {
    let lowest: number | undefined
    for (const position of this.#inFlight) if (lowest === undefined || position < lowest) lowest = position
    return lowest
  }

  returned(positions: readonly number[]): void {
    for (const position of positions) this.#inFlight.add(position)
  }

  settled(position: number): void {
    this.#inFlight.delete(position)
    this.#settledMeanwhile?.add(position)
  }

  isDue(now: number): boolean {
    return now >= this.#dueAt
  }

  /** The next sweep is due now. */
  hurry(now: number): void {
    this.#dueAt = now
  }

  /** Neither open, nor in flight, nor settled since the sweep began, and yet in the table. */
  isLate(position: number): boolean {
    return (
      !this.#inFlight.has(position) &&
      this.#settledMeanwhile?.has(position) !== true &&
      !this.#isHole(position)
    )
  }

  /**
   * Looks through the table. `page` gives up to {@link sweepPage} positions above the given one, ascending;
   * `deliver` gets what was missed, at most a batch, while {@link isLate} still knows what was settled meanwhile.
   */
  async run<T>(
    page: (after: number) => Promise<readonly number[]>,
    deliver: (late: readonly number[]) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const startedAt = performance.now()
    this.#settledMeanwhile = new Set()
    try {
      const late = await this.#find(page)
      const now = performance.now()
      this.#count += 1
      const { sweepIntervalMs, sweepShare } = this.#options
      this.#dueAt = now + Math.max(sweepIntervalMs, sweepShare * (now - startedAt))
      return late.length === 0 ? undefined : await deliver(late)
    } finally {
      this.#settledMeanwhile = undefined
    }
  }

  async #find(page: (after: number) => Promise<readonly number[]>): Promise<number[]> {
    const { maxBatchEvents } = this.#options
    const late: number[] = []
    // A position that was set by hand may lie below the first one of a sequence.
    let after = Number.MIN_SAFE_INTEGER
    for (;;) {
      const positions = await page(after)
      late.push(...positions.filter((position) => this.isLate(position)))
      if (positions.length < sweepPage || late.length >= maxBatchEvents) return late.slice(0, maxBatchEvents)
      after = positions.at(-1) ?? after
    }
  }
}

/** What is said when the sweep has found something. */
export function lateWarning(table: string, late: number, first: number | undefined, why: string): string {
  return `${late} events of ${table} were found by the sweep only, the first at position ${first}: they may be out of order. ${why}`
}
