import { scopeOf, type StoredEvent } from '@outboxkit/core'
import { poisonScope } from './decide.js'
import type { HeldScope } from './source.js'

/** A topic whose events wait in the held table while the owner tries, with back-off, to drain them. */
export interface HeldTopic {
  /** Attempts in a row in which not everything got through. */
  failures: number
  /** When to try next, on the monotonic clock. */
  dueAt: number
  draining: boolean
}

/**
 * Which scopes have rows in the held table, as the owner knows it: loaded when it opens the source, and from
 * then on changed only by what it settles itself. While a scope is in here, new events of it go there too.
 */
export class HeldScopes {
  readonly topics = new Map<string, HeldTopic>()
  /** Held keys, and the position of the row that blocks each one; `Infinity`: not known yet. */
  readonly #keys = new Map<string, number>()
  /** Keys whose first row nobody has looked at yet. */
  readonly #unchecked = new Set<string>()
  /** Keys whose first row is to be looked at again, when what was in its way may be gone. */
  readonly #later = new Set<string>()
  /** Scopes that are about to be found empty: their new events wait in memory for the answer. */
  readonly #closing = new Set<string>()

  /** `dueAt`: when held topics are tried for the first time. Delayed events (kind `time`) are not handled yet. */
  load(scopes: readonly HeldScope[], dueAt: number): void {
    for (const scope of scopes) {
      if (scope.kind === 'key') this.holdKey(scope, Infinity)
      else if (scope.kind === 'topic') this.holdTopic(scope.scope, dueAt)
    }
  }

  get keyCount(): number {
    return this.#keys.size
  }

  /**
   * At most `count` keys whose first row may be free to go: it may lie before the rejected one, when it was
   * waiting for another topic; or the owner before us has come to an end while draining.
   */
  takeUnchecked(count: number): readonly HeldScope[] {
    const taken = [...this.#unchecked, ...this.#later].slice(0, count)
    for (const scope of taken) {
      this.#unchecked.delete(scope)
      this.#later.delete(scope)
    }
    return taken.map((scope) => ({ kind: 'key', scope }))
  }

  /** The key's first row is to be looked at later. */
  checkLater(scope: HeldScope): void {
    this.#later.add(scope.scope)
  }

  /** Keys are left whose first row nobody has looked at yet. */
  get hasUnchecked(): boolean {
    return this.#unchecked.size > 0
  }

  /** `blockedAt`: the position of a row of the key that does not go by itself. */
  holdKey({ scope }: HeldScope, blockedAt: number): void {
    if (!this.#keys.has(scope)) this.#unchecked.add(scope)
    this.#keys.set(scope, Math.min(blockedAt, this.#keys.get(scope) ?? Infinity))
  }

  /** A row goes into a held key. It may be free to go: positions are not published strictly in order. */
  follow({ scope }: HeldScope, position: number): void {
    if (position < (this.#keys.get(scope) ?? -Infinity)) this.#unchecked.add(scope)
  }

  /** What a look at the key's rows has found. */
  setBlocked({ scope }: HeldScope, blockedAt: number): void {
    if (this.#keys.has(scope)) this.#keys.set(scope, blockedAt)
  }

  holdTopic(topic: string, dueAt: number): void {
    if (!this.topics.has(topic)) this.topics.set(topic, { failures: 1, dueAt, draining: false })
  }

  lift(scope: HeldScope): void {
    if (scope.kind === 'topic') this.topics.delete(scope.scope)
    else {
      this.#keys.delete(scope.scope)
      this.#unchecked.delete(scope.scope)
      this.#later.delete(scope.scope)
    }
  }

  /** True while an event of this key has to wait in the held table. */
  isKeyHeld(event: StoredEvent): boolean {
    if (this.#keys.size === 0) return false
    const scope = scopeOf(event)
    // An event without a key holds up nothing but itself, and it is in the held table already.
    return scope !== null && this.#keys.has(scope)
  }

  /** The scope that this event has to wait in. A key wins over a topic: its rows wait for a person. */
  scopeFor(event: StoredEvent, topic: string | null): HeldScope | undefined {
    if (this.isKeyHeld(event)) return poisonScope(event)
    if (topic !== null && this.topics.has(topic)) return { kind: 'topic', scope: topic }
    return undefined
  }

  setClosing(scope: HeldScope, closing: boolean): void {
    if (closing) this.#closing.add(scopeKey(scope))
    else this.#closing.delete(scopeKey(scope))
  }

  isClosing(scope: HeldScope): boolean {
    return this.#closing.size > 0 && this.#closing.has(scopeKey(scope))
  }
}

function scopeKey({ kind, scope }: HeldScope): string {
  return `${kind}:${scope}`
}
