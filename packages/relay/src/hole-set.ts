/** Positions from `lo` to `hi`, both included. */
export interface PositionRange {
  readonly lo: number
  readonly hi: number
}

/** Positions that a read has skipped. `note`: who may still bring them, by a look that was taken afterwards. */
export interface Hole<Note> extends PositionRange {
  /** `undefined`: found since the last note. */
  readonly note: Note | undefined
  /** Monotonic, ms. */
  readonly foundAt: number
}

/** What a read has to look for below the highest position that was read. */
export interface Probes {
  readonly singles: readonly number[]
  readonly ranges: readonly PositionRange[]
}

/** Up to this width a hole is probed position by position, else as a range. */
export const singleWidth = 32

/** Holes, sorted and disjoint. What makes one dead is not decided here. */
export class HoleSet<Note> {
  #holes: Hole<Note>[] = []

  get all(): readonly Hole<Note>[] {
    return this.#holes
  }

  /** Open positions. */
  get count(): number {
    return this.#holes.reduce((sum, { lo, hi }) => sum + hi - lo + 1, 0)
  }

  /** Age of the oldest hole in ms; 0 without holes. */
  oldestAgeMs(now: number): number {
    return this.#holes.reduce((oldest, { foundAt }) => Math.max(oldest, now - foundAt), 0)
  }

  /** Adds holes above all that are there. */
  push(...holes: readonly Hole<Note>[]): void {
    this.#holes.push(...holes)
  }

  /** Replaces each hole by what `body` makes of it: parts of it, in order, or nothing. */
  replace(body: (hole: Hole<Note>) => readonly Hole<Note>[]): void {
    this.#holes = this.#holes.flatMap(body)
  }

  /** True for a position in a hole. */
  covers(position: number): boolean {
    return this.#indexOf(position) >= 0
  }

  /** Takes a position out, because its row was read. Throws if it is in no hole: it was read before. */
  fill(position: number): void {
    const index = this.#indexOf(position)
    const hole = this.#holes[index]
    if (hole === undefined) throw new Error(`Position ${position} is not a hole: it was read before.`)
    const rest: Hole<Note>[] = []
    if (hole.lo < position) rest.push({ ...hole, hi: position - 1 })
    if (hole.hi > position) rest.push({ ...hole, lo: position + 1 })
    this.#holes.splice(index, 1, ...rest)
  }

  #indexOf(position: number): number {
    let left = 0
    let right = this.#holes.length - 1
    while (left <= right) {
      const middle = (left + right) >> 1
      const hole = this.#holes[middle]
      if (hole === undefined) return -1
      if (position < hole.lo) right = middle - 1
      else if (position > hole.hi) left = middle + 1
      else return middle
    }
    return -1
  }
}

/** Narrow holes position by position, wide ones as ranges. `narrow`: the width from which a hole is wide. */
export function probesOf(holes: readonly PositionRange[], narrow: number = singleWidth): Probes {
  const singles: number[] = []
  const ranges: PositionRange[] = []
  for (const { lo, hi } of holes) {
    if (hi - lo >= narrow) ranges.push({ lo, hi })
    else for (let position = lo; position <= hi; position++) singles.push(position)
  }
  return { singles, ranges }
}
