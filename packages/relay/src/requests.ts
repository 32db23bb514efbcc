import type { Drainer } from './drain.js'
import type { HeldScopes } from './held.js'
import type { Launch } from './lanes.js'
import type { LoopContext } from './send.js'
import type { HeldScope } from './source.js'

// Held keys whose first row is looked at per round.
const keysPerRound = 20

export interface RequestDependencies {
  readonly held: HeldScopes
  readonly drainer: Drainer
  readonly launch: Launch
  /** One pass only: it ends when every held key has been looked at. */
  readonly isPass: boolean
}

/**
 * Which held scopes are to be drained, and when. Topics: by their back-off. Keys: when a person has asked for
 * it, and once by themselves, to see whether their first row is free.
 */
export class HeldRequests {
  readonly #context: LoopContext
  readonly #needs: RequestDependencies
  readonly #toDrain = new Map<string, HeldScope>()
  #polling = false
  #nextPollAt = -Infinity

  constructor(context: LoopContext, needs: RequestDependencies) {
    this.#context = context
    this.#needs = needs
  }

  /** No key is waiting to be drained or looked at, no topic is due. */
  isQuiet(now: number): boolean {
    if (this.#toDrain.size > 0 || this.#needs.held.hasUnchecked) return false
    return [...this.#needs.held.topics.values()].every(({ dueAt }) => dueAt > now)
  }

  /** When there is something to do next, on the monotonic clock. */
  get nextAt(): number {
    let at = this.#polling || !this.#anyHeld ? Infinity : this.#nextPollAt
    for (const topic of this.#needs.held.topics.values()) if (!topic.draining) at = Math.min(at, topic.dueAt)
    return at
  }

  get #anyHeld(): boolean {
    return this.#needs.held.keyCount > 0 || this.#needs.held.topics.size > 0
  }

  start(now: number): void {
    const { held, launch, drainer } = this.#needs
    const hurries = this.#needs.isPass && this.#toDrain.size === 0 && held.hasUnchecked
    if (!this.#polling && this.#anyHeld && (now >= this.#nextPollAt || hurries)) {
      this.#polling = true
      launch('drain', this.#poll())
    }
    for (const [name, topic] of held.topics)
      if (!topic.draining && now >= topic.dueAt) launch('drain', drainer.drainTopic(name, topic))
  }

  /** Takes the next key to drain, to be drained in the healthy topics' turn. */
  takeKey(): HeldScope | undefined {
    const [next] = this.#toDrain.values()
    if (next !== undefined) this.#toDrain.delete(next.scope)
    return next
  }

  async drainKey(scope: HeldScope): Promise<void> {
    const next = await this.#needs.drainer.drainKey(scope)
    if (next === 'more') this.#toDrain.set(scope.scope, scope)
    else if (next === 'later') this.#needs.held.checkLater(scope)
  }

  async #poll(): Promise<void> {
    const { source, now, requestPollMs } = this.#context.options
    try {
      for (const scope of await source.requestedScopes()) {
        if (scope.kind === 'key') this.#toDrain.set(scope.scope, scope)
        const topic = scope.kind === 'topic' ? this.#needs.held.topics.get(scope.scope) : undefined
        if (topic !== undefined) topic.dueAt = Math.min(topic.dueAt, now())
      }
      for (const scope of this.#needs.held.takeUnchecked(keysPerRound)) this.#toDrain.set(scope.scope, scope)
    } finally {
      this.#nextPollAt = now() + requestPollMs
      this.#polling = false
    }
  }
}
