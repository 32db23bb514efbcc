/**
 * Which positions are still open: skipped by what was read so far, and not proven dead.
 *
 * A lower position may commit after a higher one, so a position that a read has skipped (a hole) is probed by
 * every later read until nobody can fill it any more. Never by age: the successor of a late row may be waiting
 * for the very lock that the late transaction holds, and would overtake it.
 *
 *     read ── skips positions ──▶ hole ── note ──▶ waits for the noted transactions ── all ended ──▶ dead
 *                                                    │ all of them are known by id,    ▲
 *                                                    ▼ and run on                      │
 *                                                 resting: not probed ── one ended ── read again, probing
 *
 * A note says who could still bring a position: the transactions that held a write lock on the table or its
 * sequence when it was taken, *after* the sequence's last value was read. Every position up to that last value
 * was handed out under such a lock, so whoever may still bring one is in the note, whenever the hole is found.
 * When the snapshot of a read says that all of them have ended and the position is not there, it never will be.
 *
 * Nothing in here knows a driver. Positions and transaction ids are safe integers.
 */

import {
  forgetEnded,
  isOver,
  nameHolders,
  newNote,
  type Holders,
  type Note,
  type Snapshot,
} from './hole-note.js'
import { HoleSet, probesOf, singleWidth, type Hole, type PositionRange, type Probes } from './hole-set.js'

export type { Holders, Snapshot } from './hole-note.js'

/** What one read has found, all of it in one snapshot. */
export interface ReadResult {
  /** Ascending, each one new: above `high` or in a hole that was probed. */
  readonly positions: readonly number[]
  /** More may be there above the last position, in holes too: the read proves nothing above it. */
  readonly truncated: boolean
  readonly snapshot: Snapshot
  /** The sequence's last value, read at the time of this read or later. */
  readonly lastValue: number
  /** Monotonic, ms. */
  readonly now: number
}

/**
 * `xids` is the rule. The others are wrong and exist so that tests can see the order break: `none` forgets
 * skipped positions at once (a plain cursor), `age` after {@link HoleOptions.ageMs}.
 */
export type HoleRule = 'xids' | 'none' | 'age'

export interface HoleOptions {
  /** Default `xids`. */
  readonly rule?: HoleRule
  /** Only for the wrong rule `age`: when a hole is given up, in ms. Default 5,000. */
  readonly ageMs?: number
  /** How long holes are probed before they may rest, in ms. Wide ranges rest at once. Default 1,000. */
  readonly restAfterMs?: number
}

export class Holes {
  readonly #rule: HoleRule
  readonly #ageMs: number
  readonly #restAfterMs: number
  /** All at or below `high`. */
  readonly #holes = new HoleSet<Note>()
  #high = 0
  #lastValue = 0
  #latest: Note | undefined
  #prepared: ReadonlySet<number> = new Set()

  constructor(options: HoleOptions = {}) {
    this.#rule = options.rule ?? 'xids'
    this.#ageMs = options.ageMs ?? 5_000
    this.#restAfterMs = options.restAfterMs ?? 1_000
  }

  /** Everything up to here was read, is a hole, or is dead. */
  get high(): number {
    return this.#high
  }

  /** The highest last value of the sequence that was ever seen: a lower one means that it was set back. */
  get lastValue(): number {
    return this.#lastValue
  }

  /** Open positions. */
  get count(): number {
    return this.#holes.count
  }

  /** Those of them that are not probed. */
  get restingCount(): number {
    return this.#holes.all.reduce(
      (sum, { lo, hi, note }) => sum + (note?.resting === true ? hi - lo + 1 : 0),
      0,
    )
  }

  get ranges(): readonly PositionRange[] {
    return this.#holes.all
  }

  /** Age of the oldest hole in ms; 0 without holes. */
  oldestAgeMs(now: number): number {
    return this.#holes.oldestAgeMs(now)
  }

  /** True for a position in a hole. */
  covers(position: number): boolean {
    return this.#holes.covers(position)
  }

  /** What the next read has to look for below `high`. */
  probes(): Probes {
    return probesOf(this.#holes.all.filter(({ note }) => note?.resting !== true))
  }

  /**
   * Takes the result of a read that has probed {@link probes} and everything above `high`. False: the rows must
   * be put aside and read again, because a transaction that resting holes waited for has ended, and what it
   * brought comes before them.
   */
  absorb(read: ReadResult): boolean {
    if (this.#wake(read.snapshot)) return false
    this.#lastValue = Math.max(this.#lastValue, read.lastValue)
    for (const note of this.#notes()) forgetEnded(note, read.snapshot)
    for (const position of read.positions) this.#take(position, read.now)
    const cut = read.truncated ? (read.positions.at(-1) ?? 0) : Infinity
    this.#skipDeadTail(cut)
    this.#bury(cut, read.now)
    this.#rest(cut, read.now)
    return true
  }

  /** True when a note would help: {@link note}. */
  wantsNote(): boolean {
    if (this.#rule !== 'xids') return false
    return this.#holes.all.some(({ lo, note }) =>
      note === undefined ? lo <= this.#lastValue : note.nameless.size > 0,
    )
  }

  /**
   * Takes a look at the locks. `lastValue` must have been read before it, and every read that was absorbed so
   * far must have ended before it.
   */
  note(lastValue: number, holders: Holders, now: number): void {
    this.#lastValue = Math.max(this.#lastValue, lastValue)
    const appeared = holders.prepared.filter((id) => !this.#prepared.has(id))
    this.#prepared = new Set(holders.prepared)
    for (const note of this.#notes()) nameHolders(note, holders, appeared)
    const fresh = newNote(lastValue, holders, now)
    this.#latest = fresh
    this.#holes.replace((hole) => (hole.note === undefined ? split(hole, fresh) : [hole]))
  }

  /** Wakes resting holes for which the wait is over. */
  #wake(snapshot: Snapshot): boolean {
    let woken = false
    for (const note of this.#notes()) {
      if (!note.resting || [...note.ids].every((id) => snapshot.isRunning(id))) continue
      note.resting = false
      woken = true
    }
    return woken
  }

  #notes(): Set<Note> {
    const notes = new Set<Note>()
    for (const { note } of this.#holes.all) if (note !== undefined) notes.add(note)
    if (this.#latest !== undefined) notes.add(this.#latest)
    return notes
  }

  #take(position: number, now: number): void {
    if (position <= this.#high) {
      this.#holes.fill(position)
      return
    }
    if (position > this.#high + 1) this.#open({ lo: this.#high + 1, hi: position - 1, foundAt: now })
    this.#high = position
  }

  /** The latest note covers what lies below its last value, also when the hole is found only now. */
  #open(found: PositionRange & { readonly foundAt: number }): void {
    if (this.#rule === 'none') return
    const hole: Hole<Note> = { ...found, note: undefined }
    this.#holes.push(...(this.#latest === undefined ? [hole] : split(hole, this.#latest)))
  }

  /** Above the last row, up to the note's last value, nothing can come any more: no hole needs to be made of it. */
  #skipDeadTail(cut: number): void {
    const latest = this.#latest
    if (this.#rule === 'xids' && cut === Infinity && latest !== undefined && isOver(latest))
      this.#high = Math.max(this.#high, latest.upTo)
  }

  /** A hole above `cut` was not probed. None lies across it: the row at `cut` has split it. */
  #bury(cut: number, now: number): void {
    this.#holes.replace((hole) => {
      const isDead =
        this.#rule === 'age'
          ? now - hole.foundAt >= this.#ageMs
          : hole.note !== undefined && isOver(hole.note) && hole.lo <= cut
      return isDead ? [] : [hole]
    })
  }

  /** Only after a read that has probed all holes of the note: what has ended by then was seen. */
  #rest(cut: number, now: number): void {
    if (this.#rule !== 'xids') return
    const candidates = new Set<Note>()
    const probedInPart = new Set<Note>()
    const wide = new Set<Note>()
    for (const { lo, hi, note } of this.#holes.all) {
      if (note === undefined || note.resting || note.nameless.size > 0) continue
      candidates.add(note)
      if (hi > cut) probedInPart.add(note)
      if (hi - lo >= singleWidth) wide.add(note)
    }
    for (const note of candidates)
      if (!probedInPart.has(note) && (wide.has(note) || now - note.takenAt > this.#restAfterMs))
        note.resting = true
  }
}

/** The part of a hole that `note` covers, and the rest, which waits for a later note. */
function split(hole: Hole<Note>, note: Note): Hole<Note>[] {
  if (hole.hi <= note.upTo) return [{ ...hole, note }]
  if (hole.lo > note.upTo) return [hole]
  return [
    { ...hole, hi: note.upTo, note },
    { ...hole, lo: note.upTo + 1 },
  ]
}
