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
  readonly #keys = new Set<string>()
  /** Scopes that are about to be found empty: their new events wait in memory for the answer. */
  readonly #closing = new Set<string>()

  /** `dueAt`: when held topics are tried for the first time. Delayed events (kind `time`) are not handled yet. */
  load(scopes: readonly HeldScope[], dueAt: number): void {
    for (const scope of scopes) {
      if (scope.kind === 'key') this.#keys.add(scope.scope)
      else if (scope.kind === 'topic') this.holdTopic(scope.scope, dueAt)
    }
  }

  get keyCount(): number {
    return this.#keys.size
  }

  keys(): readonly HeldScope[] {
    return [...this.#keys].map((scope) => ({ kind: 'key', scope }))
  }

  holdKey(scope: HeldScope): void {
    this.#keys.add(scope.scope)
  }

  holdTopic(topic: string, dueAt: number): void {
    if (!this.topics.has(topic)) this.topics.set(topic, { failures: 1, dueAt, draining: false })
  }

  lift(scope: HeldScope): void {
    if (scope.kind === 'topic') this.topics.delete(scope.scope)
    else this.#keys.delete(scope.scope)
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
