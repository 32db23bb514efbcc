import { OutboxError } from '@outboxkit/core'
import { backoffMs } from './backoff.js'
import { decideEvents, decideStall, decideStarved, judgeCall } from './decide.js'
import type { FaultPhase } from './events.js'
import type { HeldScopes } from './held.js'
import type { Outcome } from './publisher.js'
import type { LoopContext, Sender } from './send.js'
import type { Entry, Stall, Window } from './window.js'

// One publish call: enough to fill requests, small enough for rows to leave soon.
const publishEvents = 2_000
const publishBytes = 8 * 1024 * 1024
// A stalled topic is tried with few events.
const probeEvents = 50

/** Starts an operation of the loop; a failure of it ends the loop, its end causes the loop's next turn. */
export type Launch = (phase: FaultPhase, operation: Promise<void>) => void

export interface LaneDependencies {
  readonly sender: Sender
  readonly held: HeldScopes
  readonly window: Window
  readonly launch: Launch
  /** No more can be read. */
  readonly isFull: () => boolean
  readonly onHalt: (error: OutboxError) => void
}

/**
 * The calls of the publisher: one for all healthy topics, and one for each topic that fails while others
 * succeed. Two calls never carry the same topic.
 */
export class Lanes {
  /** Events read from the outbox table and acknowledged. */
  published = 0
  readonly #context: LoopContext
  readonly #needs: LaneDependencies
  #publishing = false
  /** Calls for the healthy topics: failures in a row, since when, and when to try again. */
  #failures = 0
  #failingSince = 0
  #retryAt = -Infinity

  constructor(context: LoopContext, needs: LaneDependencies) {
    this.#context = context
    this.#needs = needs
  }

  /** True when the healthy topics' lane can take a call. */
  isFree(now: number): boolean {
    return !this.#publishing && now >= this.#retryAt
  }

  /** Runs an operation in the healthy topics' turn. */
  occupy(phase: FaultPhase, operation: () => Promise<void>): void {
    this.#publishing = true
    this.#needs.launch(
      phase,
      operation().finally(() => (this.#publishing = false)),
    )
  }

  /** When there is something to do next, on the monotonic clock. */
  get nextAt(): number {
    const { window } = this.#needs
    let at = !this.#publishing && window.waiting > 0 ? this.#retryAt : Infinity
    for (const stall of window.stalls.values()) if (!stall.probing) at = Math.min(at, stall.dueAt)
    return at
  }

  /** `maxEvents`: how many more may be published at all. */
  start(now: number, maxEvents: number): void {
    if (this.isFree(now)) {
      const { window } = this.#needs
      const entries =
        this.#failures === 0
          ? window.take(Math.min(publishEvents, maxEvents), publishBytes)
          : window.takeFirsts(maxEvents)
      if (entries.length > 0) this.occupy('publish', () => this.#publish(entries))
    }
    this.#startStalls(now)
  }

  async #publish(entries: readonly Entry[]): Promise<void> {
    const outcomes = await this.#needs.sender.send(entries.map(({ event }) => event))
    this.#apply(entries, outcomes)
  }

  /** After a call with events of all healthy topics. */
  #apply(entries: readonly Entry[], outcomes: readonly Outcome[]): void {
    const { options } = this.#context
    const decisions = decideEvents(
      entries.map(({ event }) => event),
      outcomes,
      options.onPoison,
    )
    const verdict = judgeCall(
      decisions,
      entries.map(({ topic }) => topic),
    )
    const back = this.#carryOut(entries, decisions, verdict.global)
    for (const topic of verdict.stall) this.#stall(topic, firstError(entries, outcomes, topic))
    // Those of a stalled topic are sorted out when the next call is put together.
    this.#needs.window.giveBack(back)
    if (verdict.global) this.#backOff(back, outcomes)
    else this.#failures = 0
  }

  /** Does what was decided, and returns the events to try again, in order. */
  #carryOut(
    entries: readonly Entry[],
    decisions: ReturnType<typeof decideEvents>,
    nobodyIsBlamed: boolean,
  ): Entry[] {
    const { metrics, emitter } = this.#context
    const back: Entry[] = []
    decisions.forEach((decision, index) => {
      const entry = entries[index] as Entry
      if (decision.action === 'done') {
        this.published++
        this.#needs.window.done(entry)
      } else if (decision.action === 'retry') {
        if (decision.blamed && !nobodyIsBlamed) entry.attempts++
        back.push(entry)
      } else if (decision.action === 'park') {
        entry.attempts++
        this.#needs.held.holdKey(decision.scope, entry.event.position)
        this.#needs.window.hold(entry, decision.scope, decision.error.code, decision.error.message)
      } else if (decision.action === 'skip') {
        metrics.skipped++
        this.#needs.window.skip(entry)
        emitter.emit('skipped', { event: entry.event, error: decision.error })
      } else this.#needs.onHalt(decision.error)
    })
    return back
  }

  /** Nothing got through: wait, with everybody in order. */
  #backOff(back: readonly Entry[], outcomes: readonly Outcome[]): void {
    const { options, emitter } = this.#context
    const now = options.now()
    if (this.#failures === 0) this.#failingSince = now
    const retryInMs = backoffMs(++this.#failures, options.retry, options.random)
    const failures = outcomes.filter((outcome) => outcome.status === 'retry')
    const starved = decideStarved({
      failingForMs: now - this.#failingSince,
      holdAfterMs: options.holdAfterMs,
      full: this.#needs.isFull(),
      named: failures.every(({ topic, uncertain }) => topic !== null && uncertain !== true),
    })
    if (starved === 'hold')
      for (const { topic } of back) if (topic !== null) this.#needs.held.holdTopic(topic, now + retryInMs)
    if (starved === 'hold') this.#failures = 0
    this.#retryAt = starved === 'hold' ? now : now + retryInMs
    const error = failures[0]?.error
    if (error !== undefined) emitter.emit('fault', { phase: 'publish', error, retryInMs })
  }

  #stall(topic: string, error: OutboxError): void {
    const now = this.#context.options.now()
    const stall: Stall = {
      topic,
      since: now,
      dueAt: now,
      failures: 0,
      probing: false,
      code: error.code,
      reason: error.message,
      entries: [],
    }
    this.#postpone(stall, error)
    this.#needs.window.stall(stall)
  }

  #postpone(stall: Stall, error: OutboxError): void {
    const { options, emitter } = this.#context
    const retryInMs = backoffMs(++stall.failures, options.retry, options.random)
    stall.dueAt = options.now() + retryInMs
    emitter.emit('fault', { phase: 'publish', error, topic: stall.topic, retryInMs })
  }

  #startStalls(now: number): void {
    const starving = this.#needs.isFull() && this.#needs.window.waiting === 0 && !this.#publishing
    for (const stall of this.#needs.window.stalls.values()) {
      if (stall.probing) continue
      const { holdAfterMs } = this.#context.options
      if (decideStall({ failingForMs: now - stall.since, holdAfterMs, starving }) === 'hold') {
        this.#needs.held.holdTopic(stall.topic, stall.dueAt)
        this.#needs.window.holdStall(stall)
      } else if (now >= stall.dueAt) {
        stall.probing = true
        this.#needs.launch('publish', this.#probe(stall))
      }
    }
  }

  async #probe(stall: Stall): Promise<void> {
    const { options } = this.#context
    try {
      const entries = this.#needs.window.takeProbe(stall, probeEvents)
      const events = entries.map(({ event }) => event)
      const outcomes = events.length === 0 ? [] : await this.#needs.sender.send(events)
      const decisions = decideEvents(events, outcomes, options.onPoison)
      const back = this.#carryOut(entries, decisions, false)
      stall.entries = [...back, ...stall.entries]
      const failed = decisions.some((decision) => decision.action === 'retry' && decision.blamed)
      if (!failed) {
        this.#needs.window.unstall(stall)
        return
      }
      if (back.length < entries.length) stall.failures = 0
      this.#postpone(stall, firstError(entries, outcomes, stall.topic))
    } finally {
      stall.probing = false
    }
  }
}

function firstError(entries: readonly Entry[], outcomes: readonly Outcome[], topic: string): OutboxError {
  const outcome = outcomes.find((one, index) => one.status === 'retry' && entries[index]?.topic === topic)
  if (outcome?.status === 'retry') return outcome.error
  return new OutboxError('OUTBOX_PUBLISH_RETRY', `Topic ${topic} fails.`)
}
