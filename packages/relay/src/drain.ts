import type { OutboxError, StoredEvent } from '@outboxkit/core'
import { backoffMs } from './backoff.js'
import { decideEvents, decideHeldRow, heldBehind, poisonScope, type Decision } from './decide.js'
import type { HeldScopes, HeldTopic } from './held.js'
import type { LoopContext, Sender } from './send.js'
import type { Serial } from './serial.js'
import type { HeldRow, HeldScope, ParkedEvent } from './source.js'
import type { Window } from './window.js'

// Rows per pass: few while the topic still fails, many once it works again.
const probeRows = 50
const drainRows = 500

export interface DrainDependencies {
  readonly sender: Sender
  readonly held: HeldScopes
  readonly window: Window
  /** One change of the tables after the other: a scope is found empty only when nothing is on its way into it. */
  readonly serial: Serial
  readonly topicOf: (event: StoredEvent) => string | null
  /** The memory is filling up: what waits for a scope to be found empty goes to the held table after all. */
  readonly isCrowded: () => boolean
  readonly onHalt: (decision: Decision & { action: 'halt' }) => void
}

/** Publishes what waits in the held table, scope by scope, and lifts a scope that has become empty. */
export class Drainer {
  readonly #context: LoopContext
  readonly #needs: DrainDependencies

  constructor(context: LoopContext, needs: DrainDependencies) {
    this.#context = context
    this.#needs = needs
  }

  /** One pass over a held topic; sets when the next one is due. */
  async drainTopic(name: string, topic: HeldTopic): Promise<void> {
    const { options, emitter } = this.#context
    const scope: HeldScope = { kind: 'topic', scope: name }
    topic.draining = true
    // Under constant load a topic would never be found empty unless its new events wait for the answer. While
    // it still fails they do not: they would fill the memory.
    const works = topic.failures === 0
    const closing = works && !this.#needs.isCrowded()
    const pass = await this.#pass(scope, closing, works ? drainRows : probeRows, (rows) =>
      this.#planTopic(rows),
    ).finally(() => (topic.draining = false))
    if (pass.tooEarly) {
      topic.dueAt = options.now() + options.retry.minMs
      return
    }
    if (pass.failed === undefined) {
      topic.failures = 0
      topic.dueAt = options.now()
      return
    }
    topic.failures = pass.moved ? 1 : topic.failures + 1
    const retryInMs = backoffMs(topic.failures, options.retry, options.random)
    topic.dueAt = options.now() + retryInMs
    emitter.emit('fault', { phase: 'drain', error: pass.failed, topic: name, retryInMs })
  }

  #planTopic(rows: readonly HeldRow[]): Plan {
    const plan: Plan = { publish: [], discard: [], park: [] }
    for (const row of rows) {
      if (row.request === 'discard') plan.discard.push(row)
      else if (this.#needs.held.isKeyHeld(row.event)) plan.park.push(behindKey(row))
      else plan.publish.push(row)
    }
    return plan
  }

  /**
   * One pass over a held key, as far as its rows may go. Resolves with `more` when it should be looked at again
   * at once, `later` when something else is in the way for now.
   */
  async drainKey(scope: HeldScope): Promise<'done' | 'more' | 'later'> {
    let stopped: 'done' | 'later' | undefined
    const pass = await this.#pass(scope, !this.#needs.isCrowded(), drainRows, (rows) => {
      const plan: Plan = { publish: [], discard: [], park: [] }
      // An earlier event of the key may have been waiting for its topic when the key was held: it goes first.
      const first = this.#needs.window.firstOf(scope)
      for (const row of rows) {
        if (stopped !== undefined) {
          // What is given up has no order to keep.
          if (row.request === 'discard') plan.discard.push(row)
          continue
        }
        if (row.event.position > first && row.request !== 'discard') {
          stopped = 'later'
          continue
        }
        const step = decideHeldRow(row, this.#isTopicBlocked(row.event))
        if (step === 'stop') {
          stopped = decideHeldRow(row, false) === 'stop' ? 'done' : 'later'
          if (stopped === 'done') this.#needs.held.setBlocked(scope, row.event.position)
          continue
        }
        plan[step].push(row)
      }
      return plan
    })
    if (pass.tooEarly || pass.failed !== undefined) return 'later'
    if (pass.lifted || pass.rejected) return 'done'
    return stopped ?? 'more'
  }

  #isTopicBlocked(event: StoredEvent): boolean {
    const topic = this.#needs.topicOf(event)
    return topic !== null && (this.#needs.held.topics.has(topic) || this.#needs.window.stalls.has(topic))
  }

  async #pass(
    scope: HeldScope,
    closing: boolean,
    limit: number,
    planOf: (rows: readonly HeldRow[]) => Plan,
  ): Promise<Pass> {
    const { held, serial, window } = this.#needs
    const { source } = this.#context.options
    held.setClosing(scope, closing)
    try {
      // Behind a settle that may be adding rows to this scope.
      const rows = await serial(() => source.readHeld(scope, limit))
      const plan = planOf(rows)
      const result = await this.#publish(scope, plan)
      const moved =
        result.done.length + result.skipped.length + result.discarded.length + result.parked.length > 0
      // Its rows have not reached the held table yet: that it has none there means nothing.
      const tooEarly = rows.length === 0 && window.isHolding(scope)
      if (tooEarly || (rows.length > 0 && !moved)) return { ...result, moved, tooEarly, lifted: false }
      const lifted = await serial(() => this.#settle(scope, result))
      this.#context.metrics.discarded += plan.discard.length
      return { ...result, moved, tooEarly, lifted }
    } finally {
      held.setClosing(scope, false)
    }
  }

  async #publish(scope: HeldScope, plan: Plan): Promise<Result> {
    const { metrics, emitter, options } = this.#context
    const result: Result = {
      done: [],
      skipped: [],
      discarded: plan.discard.map(({ event }) => event),
      parked: [...plan.park],
      failed: undefined,
      rejected: false,
    }
    if (plan.publish.length === 0) return result
    const events = plan.publish.map(({ event }) => event)
    const outcomes = await this.#needs.sender.send(events)
    // A person who asks for a second attempt does not ask for the event to be dropped, or the relay to end.
    const policy = scope.kind === 'key' ? 'park-key' : options.onPoison
    decideEvents(events, outcomes, policy).forEach((decision, index) => {
      const row = plan.publish[index] as HeldRow
      const outcome = outcomes[index]
      if (decision.action === 'done') {
        result.done.push(row.event)
        metrics.drained++
      } else if (decision.action === 'skip') {
        result.skipped.push(row.event)
        metrics.skipped++
        emitter.emit('skipped', { event: row.event, error: decision.error })
      } else if (decision.action === 'park') {
        result.rejected = true
        result.parked.push(parkedRow(row, decision.scope, decision.error))
      } else if (decision.action === 'halt') this.#needs.onHalt(decision)
      else if (decision.blamed && outcome?.status === 'retry') result.failed ??= outcome.error
    })
    return result
  }

  async #settle(scope: HeldScope, result: Result): Promise<boolean> {
    const { held, window } = this.#needs
    const { options, guard, metrics, emitter } = this.#context
    const { parked } = result
    for (const row of parked) {
      held.holdKey(row, row.code === heldBehind ? Infinity : row.event.position)
      held.follow(row, row.event.position)
    }
    guard.assertOwned()
    const empty = await options.source.settleHeld(scope, result)
    const moved = parked.filter((row) => row.kind !== scope.kind)
    if (moved.length > 0) emitter.emit('held', { events: moved })
    if (!empty) return false
    held.lift(scope)
    window.release(scope)
    metrics.lifted++
    emitter.emit('lifted', scope)
    return true
  }
}

interface Plan {
  readonly publish: HeldRow[]
  readonly discard: HeldRow[]
  readonly park: ParkedEvent[]
}

interface Result {
  readonly done: StoredEvent[]
  readonly skipped: StoredEvent[]
  readonly discarded: StoredEvent[]
  readonly parked: ParkedEvent[]
  /** The first failure that was not a rejection. */
  failed: OutboxError | undefined
  rejected: boolean
}

interface Pass extends Result {
  readonly lifted: boolean
  /** Rows were deleted or changed. */
  readonly moved: boolean
  readonly tooEarly: boolean
}

function behindKey(row: HeldRow): ParkedEvent {
  return {
    ...poisonScope(row.event),
    event: row.event,
    code: heldBehind,
    reason: 'An earlier event of this key is held.',
    attempts: row.attempts,
    request: row.request,
  }
}

function parkedRow(row: HeldRow, scope: HeldScope, error: { code: string; message: string }): ParkedEvent {
  return {
    ...scope,
    event: row.event,
    code: error.code,
    reason: error.message,
    attempts: row.attempts + 1,
    request: row.request,
  }
}
