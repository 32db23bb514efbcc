import { sizeOf, type StoredEvent } from '@outboxkit/core'
import { heldBehind, poisonScope } from './decide.js'
import type { HeldScopes } from './held.js'
import type { HeldEvent, HeldScope, Settlement } from './source.js'

/** One event between read and settle. */
export interface Entry {
  readonly event: StoredEvent
  readonly topic: string | null
  readonly bytes: number
  /** Calls in which this event, and not everything, failed. */
  attempts: number
}

/** A topic that fails while others succeed: it is tried apart from them, after a back-off. */
export interface Stall {
  readonly topic: string
  /** Since when and when next, on the monotonic clock. */
  readonly since: number
  dueAt: number
  failures: number
  probing: boolean
  code: string
  reason: string
  entries: Entry[]
}

interface Holding {
  readonly entry: Entry
  readonly held: HeldEvent
}

/** What a settle takes out of the window. */
export interface Settling {
  readonly settlement: Settlement
  readonly entries: readonly Entry[]
}

/**
 * What has been read and is not settled. Per topic, events leave `waiting` (or the topic's stall) and come back
 * to its front in the order in which they were read, so a later event never overtakes an earlier one.
 */
export class Window {
  /** Everything not settled, in flight included. */
  events = 0
  bytes = 0
  readonly stalls = new Map<string, Stall>()
  #waiting: Entry[] = []
  #done: Entry[] = []
  #skipped: Entry[] = []
  #holding: Holding[] = []
  readonly #held: HeldScopes

  constructor(held: HeldScopes) {
    this.#held = held
  }

  add(events: readonly StoredEvent[], topicOf: (event: StoredEvent) => string | null): void {
    for (const event of events) {
      const bytes = sizeOf(event)
      this.#waiting.push({ event, topic: topicOf(event), bytes, attempts: 0 })
      this.events++
      this.bytes += bytes
    }
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** The next events to publish. Those whose scope is held or whose topic stalls are sorted out on the way. */
  take(maxEvents: number, maxBytes: number): Entry[] {
    const taken: Entry[] = []
    let bytes = 0
    let index = 0
    for (; index < this.#waiting.length && taken.length < maxEvents && bytes < maxBytes; index++) {
      const entry = this.#waiting[index] as Entry
      if (this.#holdIfHeld(entry)) continue
      const stall = entry.topic === null ? undefined : this.stalls.get(entry.topic)
      if (stall !== undefined) {
        stall.entries.push(entry)
        continue
      }
      taken.push(entry)
      bytes += entry.bytes
    }
    this.#waiting.splice(0, index)
    return taken
  }

  /**
   * The first event of each topic, when nothing gets through: a dead topic with many events at the front would
   * otherwise keep the others from ever being tried.
   */
  takeFirsts(maxEvents: number): Entry[] {
    const taken: Entry[] = []
    const topics = new Set<string | null>()
    this.#waiting = this.#waiting.filter((entry) => {
      if (this.#holdIfHeld(entry)) return false
      const stall = entry.topic === null ? undefined : this.stalls.get(entry.topic)
      if (stall !== undefined) {
        stall.entries.push(entry)
        return false
      }
      if (taken.length >= maxEvents || topics.has(entry.topic)) return true
      topics.add(entry.topic)
      taken.push(entry)
      return false
    })
    return taken
  }

  /** The next events of a stalled topic. */
  takeProbe(stall: Stall, maxEvents: number): Entry[] {
    const taken: Entry[] = []
    while (taken.length < maxEvents) {
      const entry = stall.entries.shift()
      if (entry === undefined) break
      if (!this.#holdIfHeld(entry)) taken.push(entry)
    }
    return taken
  }

  #holdIfHeld(entry: Entry): boolean {
    const scope = this.#held.scopeFor(entry.event, entry.topic)
    if (scope === undefined) return false
    if (scope.kind === 'key') this.#held.follow(scope, entry.event.position)
    const what = scope.kind === 'key' ? 'An earlier event of this key' : `Topic ${scope.scope}`
    this.hold(entry, scope, heldBehind, `${what} is held.`)
    return true
  }

  /** Puts events back where they were taken from. */
  giveBack(entries: readonly Entry[]): void {
    if (entries.length > 0) this.#waiting = [...entries, ...this.#waiting]
  }

  /** From now on the topic is tried apart. */
  stall(stall: Stall): void {
    this.stalls.set(stall.topic, stall)
  }

  /** The topic works again: its events are published with the others. */
  unstall(stall: Stall): void {
    this.stalls.delete(stall.topic)
    this.giveBack(stall.entries)
  }

  done(entry: Entry): void {
    this.#done.push(entry)
  }

  /** Given up by the policy: leaves as what is done does. */
  skip(entry: Entry): void {
    this.#skipped.push(entry)
  }

  hold(entry: Entry, scope: HeldScope, code: string, reason: string): void {
    const held = { ...scope, event: entry.event, code, reason, attempts: entry.attempts }
    this.#holding.push({ entry, held })
  }

  /** All events of a stalled topic go to the held table. */
  holdStall(stall: Stall): void {
    this.stalls.delete(stall.topic)
    const scope: HeldScope = { kind: 'topic', scope: stall.topic }
    for (const entry of stall.entries) {
      // Its key may be held as well, and then wins.
      if (this.#held.isKeyHeld(entry.event)) this.#holdIfHeld(entry)
      else if (entry.attempts > 0) this.hold(entry, scope, stall.code, stall.reason)
      else this.hold(entry, scope, heldBehind, `Topic ${stall.topic} is held: ${stall.reason}`)
    }
    stall.entries = []
  }

  /** A scope was lifted: what was to follow it into the held table is published instead. */
  release(scope: HeldScope): void {
    const released: Entry[] = []
    this.#holding = this.#holding.filter(({ entry, held }) => {
      if (held.kind !== scope.kind || held.scope !== scope.scope) return true
      released.push(entry)
      return false
    })
    if (scope.kind === 'key' && released.length > 0) {
      // Its events come from stalled topics, too: as out of the held table, they go by position.
      const isOfKey = ({ event }: Entry): boolean => poisonScope(event).scope === scope.scope
      released.push(...this.#waiting.filter(isOfKey))
      this.#waiting = this.#waiting.filter((entry) => !isOfKey(entry))
      released.sort((a, b) => a.event.position - b.event.position)
    }
    this.giveBack(released)
  }

  /** The lowest position of a key's events that have not reached the held table yet; `Infinity`: none. */
  firstOf(scope: HeldScope): number {
    let first = Infinity
    const look = ({ event }: Entry): void => {
      if (event.position < first && poisonScope(event).scope === scope.scope) first = event.position
    }
    this.#waiting.forEach(look)
    for (const { entries } of this.stalls.values()) entries.forEach(look)
    for (const { entry } of this.#holding) look(entry)
    return first
  }

  /** Events are on their way into this held scope. */
  isHolding(scope: HeldScope): boolean {
    return this.#holding.some(({ held }) => held.kind === scope.kind && held.scope === scope.scope)
  }

  get settleable(): boolean {
    return (
      this.#done.length + this.#skipped.length > 0 ||
      this.#holding.some(({ held }) => !this.#held.isClosing(held))
    )
  }

  /** Everything that can leave the outbox table now. */
  takeSettling(): Settling {
    const [done, skipped] = [this.#done, this.#skipped]
    const holding = this.#holding.filter(({ held }) => !this.#held.isClosing(held))
    this.#done = []
    this.#skipped = []
    this.#holding = this.#holding.filter(({ held }) => this.#held.isClosing(held))
    return {
      settlement: {
        done: done.map(({ event }) => event),
        skipped: skipped.map(({ event }) => event),
        held: holding.map(({ held }) => held),
      },
      entries: [...done, ...skipped, ...holding.map(({ entry }) => entry)],
    }
  }

  settled({ entries }: Settling): void {
    for (const entry of entries) {
      this.events--
      this.bytes -= entry.bytes
    }
  }
}
