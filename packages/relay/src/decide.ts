import { scopeOf, type OutboxError, type StoredEvent } from '@outboxkit/core'
import type { PoisonPolicy } from './options.js'
import type { Outcome } from './publisher.js'
import type { HeldRow, HeldScope } from './source.js'

// Pure: facts in, what to do next out. The loop carries it out.

/**
 * The code of a held event with which nothing is wrong: an earlier event of its key, or its whole topic, is
 * held. It flows again by itself as soon as nothing is left before it.
 */
export const heldBehind = 'OUTBOX_HELD_BEHIND'

/** What becomes of one event after a publish call. */
export type Decision =
  | { readonly action: 'done' }
  /** `blamed`: it failed itself. False: it waits behind an event of its key that was rejected in the same call. */
  | { readonly action: 'retry'; readonly blamed: boolean }
  | { readonly action: 'park'; readonly scope: HeldScope; readonly error: OutboxError }
  | { readonly action: 'skip'; readonly error: OutboxError }
  | { readonly action: 'halt'; readonly error: OutboxError }

/** The scope of a rejected event: its key, or itself alone when it has none. */
export function poisonScope(event: StoredEvent): HeldScope {
  // `#` cannot begin a key's scope, which begins with a length.
  return { kind: 'key', scope: scopeOf(event) ?? `#${event.position}` }
}

/** One decision per event. An event is never blamed for another one's failure. */
export function decideEvents(
  events: readonly StoredEvent[],
  outcomes: readonly (Outcome | undefined)[],
  policy: PoisonPolicy,
): readonly Decision[] {
  const rejectedKeys = new Set<string>()
  return events.map((event, index): Decision => {
    const outcome = outcomes[index]
    // No answer is not an acknowledgement.
    if (outcome === undefined) return { action: 'retry', blamed: true }
    if (outcome.status === 'published') return { action: 'done' }
    if (outcome.status === 'retry') {
      const behind = rejectedKeys.size > 0 && rejectedKeys.has(poisonScope(event).scope)
      return { action: 'retry', blamed: !behind }
    }
    const scope = poisonScope(event)
    rejectedKeys.add(scope.scope)
    if (policy === 'skip') return { action: 'skip', error: outcome.error }
    if (policy === 'halt') return { action: 'halt', error: outcome.error }
    return { action: 'park', scope, error: outcome.error }
  })
}

/** What a publish call says about the topics and about the broker as a whole. */
export interface Verdict {
  /** Topics that failed while something else got through: from now on tried apart from the others. */
  readonly stall: readonly string[]
  /** Nothing got through: everybody waits, and nobody is blamed. */
  readonly global: boolean
}

/** `topics` are those of the events, by index; `null`: cannot be said. */
export function judgeCall(decisions: readonly Decision[], topics: readonly (string | null)[]): Verdict {
  const failed = new Set<string>()
  let passed = 0
  let nameless = false
  decisions.forEach((decision, index) => {
    if (decision.action === 'done') passed++
    if (decision.action !== 'retry' || !decision.blamed) return
    const topic = topics[index] ?? null
    if (topic === null) nameless = true
    else failed.add(topic)
  })
  if (failed.size === 0 && !nameless) return { stall: [], global: false }
  return passed > 0 ? { stall: [...failed], global: nameless } : { stall: [], global: true }
}

/** What to do with a topic that fails while others succeed. */
export function decideStall(facts: {
  readonly failingForMs: number
  readonly holdAfterMs: number
  /** Nothing more can be read, and nothing else is left to publish. */
  readonly starving: boolean
}): 'probe' | 'hold' {
  return facts.starving || facts.failingForMs >= facts.holdAfterMs ? 'hold' : 'probe'
}

/**
 * When everything that fits into memory fails, success elsewhere cannot be seen, for nothing else can be read.
 * Only the publisher's word that the topics themselves are refused then allows to move them out of the way.
 */
export function decideStarved(facts: {
  readonly failingForMs: number
  readonly holdAfterMs: number
  readonly full: boolean
  /** Every failure of the last call named its topic, and none was uncertain. */
  readonly named: boolean
}): 'wait' | 'hold' {
  return facts.full && facts.named && facts.failingForMs >= facts.holdAfterMs ? 'hold' : 'wait'
}

/**
 * What to do with the first row of a held key. A row that was rejected waits for a person; a row that only
 * waited behind it flows as soon as it is the first.
 */
export function decideHeldRow(
  row: Pick<HeldRow, 'request' | 'code'>,
  topicBlocked: boolean,
): 'publish' | 'discard' | 'stop' {
  if (row.request === 'discard') return 'discard'
  if (topicBlocked) return 'stop'
  return row.request === 'retry' || row.code === heldBehind ? 'publish' : 'stop'
}
