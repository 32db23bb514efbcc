/** Who could still bring a position; from one look at the locks. */
export interface Holders {
  /** Transaction ids (64 bits, epoch included) of holders that have one. Prepared transactions included. */
  readonly ids: readonly number[]
  /** Holders that have no transaction id yet, by their virtual id. */
  readonly nameless: readonly string[]
  /** The id of every running transaction that has one, by its virtual id. */
  readonly idOf: ReadonlyMap<string, number>
  /** Ids of the prepared transactions among the holders. */
  readonly prepared: readonly number[]
}

/** What a snapshot says of transaction ids. */
export interface Snapshot {
  /** True: not visible in this snapshot, because it runs or has not begun. */
  isRunning(id: number): boolean
}

/** The transactions that could still bring a position up to `upTo`. */
export interface Note {
  /** The sequence's last value before the look at the locks; nothing above it is covered. */
  readonly upTo: number
  readonly takenAt: number
  readonly ids: Set<number>
  readonly nameless: Set<string>
  /** All that it waits for are running transactions: its holes are not probed. */
  resting: boolean
}

export function newNote(upTo: number, holders: Holders, takenAt: number): Note {
  return {
    upTo,
    takenAt,
    ids: new Set(holders.ids),
    nameless: new Set(holders.nameless),
    resting: false,
  }
}

/** True when nobody can bring anything any more that the note covers. */
export function isOver(note: Note): boolean {
  return note.ids.size === 0 && note.nameless.size === 0
}

/** What a snapshot has seen end stays ended in every later one. */
export function forgetEnded(note: Note, snapshot: Snapshot): void {
  for (const id of note.ids) if (!snapshot.isRunning(id)) note.ids.delete(id)
}

/**
 * Replaces virtual ids by transaction ids as they become known. One that is not listed any more has ended - or
 * was prepared: some minor versions rename it then, so the prepared ones that have appeared stand in for it.
 */
export function nameHolders(note: Note, holders: Holders, appeared: readonly number[]): void {
  const listed = new Set(holders.nameless)
  for (const virtual of note.nameless) {
    if (listed.has(virtual)) continue
    note.nameless.delete(virtual)
    const id = holders.idOf.get(virtual)
    if (id !== undefined) note.ids.add(id)
    else for (const prepared of appeared) note.ids.add(prepared)
  }
}
