import { isOutboxError, OutboxError, type StoredEvent } from '@outboxkit/core'
import { backoffMs } from './backoff.js'
import { decideEvents, decideStall, decideStarved, judgeCall } from './decide.js'
import { Drainer } from './drain.js'
import type { FaultPhase } from './events.js'
import { HeldScopes } from './held.js'
import { reachPoint, Sender, type LoopContext } from './send.js'
import { createSerial } from './serial.js'
import type { Outcome } from './publisher.js'
import type { HeldScope, Lease } from './source.js'
import type { Wake } from './wake.js'
import { Window, type Entry, type Stall } from './window.js'

/*
 * read → publish → settle, for as long as one lease lasts.
 *
 * One turn (`#pump`) starts whatever can be started and returns at once; every operation that ends wakes the
 * loop for the next turn. At most one read, one publish call for all healthy topics, one call per topic that
 * fails or is drained, and one change of the tables run at the same time. Order per key and topic follows from
 * that: an event is only ever in one place, and comes back to the front of the place it was taken from.
 *
 *   table ─read─▶ waiting ─▶ publish ─▶ done ──────settle─▶ (gone)
 *                   │ ▲         │
 *                   │ └─ retry ─┤ rejected, or its key or topic is held
 *                   ▼           ▼
 *                 stall ─────▶ holding ──────────settle─▶ held table ─drain─▶ publish
 *
 * Nothing here survives the loop: after any fault of the source or the lease everything is dropped, and the
 * next loop starts from the tables.
 */

// One publish call: enough to fill requests, small enough for rows to leave soon.
const publishEvents = 2_000
const publishBytes = 8 * 1024 * 1024
// A stalled topic is tried with few events.
const probeEvents = 50
// Held keys whose first row is looked at per round after a take-over.
const keysPerRound = 20
// What still runs at the end of a loop has this long, in ms.
const windDownMs = 3_000

/** One pass instead of running on: ends when everything is published, or at a bound. */
export interface OncePass {
  readonly maxEvents: number
  /** On the monotonic clock. */
  readonly deadlineAt: number
}

/** How a loop ended. `quiet`: nothing of it is still being published, so the lease may be handed over. */
export type LoopEnd = { readonly quiet: boolean } & (
  | { readonly kind: 'stopped' }
  /** A pass has come to its end; `complete`: nothing was left. */
  | { readonly kind: 'passed'; readonly complete: boolean }
  | { readonly kind: 'halted'; readonly error: OutboxError }
  | { readonly kind: 'failed'; readonly phase: FaultPhase; readonly error: unknown }
)

export class Loop {
  readonly #context: LoopContext
  readonly #wake: Wake
  readonly #once: OncePass | undefined
  readonly #held = new HeldScopes()
  readonly #window = new Window(this.#held)
  readonly #serial = createSerial()
  readonly #sender: Sender
  readonly #drainer: Drainer
  readonly #abortRead = new AbortController()
  readonly #operations = new Set<Promise<void>>()
  readonly #keysToDrain = new Map<string, HeldScope>()
  #keysToCheck: HeldScope[] = []
  #failure: { phase: FaultPhase; error: unknown } | undefined
  #halted: OutboxError | undefined
  #stopAt: number | undefined
  #passed: { complete: boolean } | undefined
  #reading = false
  #publishing = false
  #settling = false
  #polling = false
  #fingerprint: string | undefined
  #caughtUp = false
  #pollMs: number
  #nextReadAt = -Infinity
  #nextRequestsAt = -Infinity
  /** The healthy topics' calls: failures in a row, since when, and when to try again. */
  #failures = 0
  #failingSince = 0
  #retryAt = -Infinity
  #published = 0

  constructor(context: LoopContext, wake: Wake, once?: OncePass) {
    this.#context = context
    this.#wake = wake
    this.#once = once
    this.#pollMs = context.options.poll.minMs
    this.#sender = new Sender(context)
    this.#drainer = new Drainer(context, {
      sender: this.#sender,
      held: this.#held,
      window: this.#window,
      serial: this.#serial,
      topicOf: (event) => this.#topicOf(event),
      onHalt: ({ error }) => this.#halt(error),
    })
  }

  get fingerprint(): string | undefined {
    return this.#fingerprint
  }

  /** Polls at once. */
  poke(): void {
    this.#nextReadAt = -Infinity
    this.#pollMs = this.#context.options.poll.minMs
    this.#wake.notify()
  }

  /** Starts nothing new, settles what is published, and ends. */
  stop(): void {
    if (this.#stopAt !== undefined) return
    const { options } = this.#context
    this.#stopAt = options.now() + options.stopTimeoutMs
    this.#abortRead.abort()
    this.#wake.notify()
  }

  /** Never throws. `opened` is called when the source is open. */
  async run(lease: Lease, opened: () => void): Promise<LoopEnd> {
    const { options, guard, metrics } = this.#context
    try {
      await options.source.open(lease)
      this.#held.load(await options.source.heldScopes(), options.now())
      this.#keysToCheck = [...this.#held.keys()]
      opened()
    } catch (error) {
      return { kind: 'failed', phase: 'open', error, quiet: true }
    }
    try {
      while (this.#failure === undefined) {
        guard.assertOwned()
        this.#pump(options.now())
        if (this.#ended(options.now())) break
        await this.#wake.wait(this.#waitMs(options.now()))
      }
    } catch (error) {
      this.#failure ??= { phase: 'renew', error }
    }
    const quiet = await this.#windDown()
    metrics.inFlightEvents = metrics.inFlightBytes = metrics.stalledTopics = 0
    if (this.#failure !== undefined) return { kind: 'failed', ...this.#failure, quiet }
    if (this.#halted !== undefined) return { kind: 'halted', error: this.#halted, quiet }
    return this.#passed === undefined
      ? { kind: 'stopped', quiet }
      : { kind: 'passed', ...this.#passed, quiet }
  }

  #pump(now: number): void {
    if (this.#stopAt === undefined) {
      this.#startRead(now)
      this.#startRequests(now)
      this.#startPublish(now)
      this.#startStalls(now)
      this.#startTopicDrains(now)
    } else if (now >= this.#stopAt) this.#sender.abort()
    this.#startSettle()
    const { metrics } = this.#context
    metrics.inFlightEvents = this.#window.events
    metrics.inFlightBytes = this.#window.bytes
    metrics.stalledTopics = this.#window.stalls.size
    metrics.heldKeys = this.#held.keyCount
    metrics.heldTopics = this.#held.topics.size
  }

  #ended(now: number): boolean {
    const idle = this.#operations.size === 0
    if (this.#stopAt !== undefined) return idle || now >= this.#stopAt + windDownMs
    if (this.#once === undefined) return false
    const bounded = this.#published >= this.#once.maxEvents || now >= this.#once.deadlineAt
    const drained = [...this.#held.topics.values()].every(({ dueAt }) => dueAt > now)
    const empty = idle && this.#caughtUp && this.#window.events === 0 && drained
    const complete = empty && this.#keysToDrain.size === 0 && this.#held.topics.size === 0
    if (bounded || empty) {
      this.#passed = { complete }
      this.stop()
    }
    return this.#stopAt !== undefined && idle && !this.#window.settleable
  }

  /** Until the next thing is due. */
  #waitMs(now: number): number {
    const { guard } = this.#context
    if (this.#stopAt !== undefined) return Math.max(1, this.#stopAt - now, now >= this.#stopAt ? 50 : 0)
    let at = now + guard.remainingMs
    if (!this.#reading && !this.#full) at = Math.min(at, this.#nextReadAt)
    if (!this.#publishing && this.#window.waiting > 0) at = Math.min(at, this.#retryAt)
    if (!this.#polling && this.#anyHeld) at = Math.min(at, this.#nextRequestsAt)
    for (const stall of this.#window.stalls.values()) if (!stall.probing) at = Math.min(at, stall.dueAt)
    for (const topic of this.#held.topics.values()) if (!topic.draining) at = Math.min(at, topic.dueAt)
    if (this.#once !== undefined) at = Math.min(at, this.#once.deadlineAt)
    return Math.max(0, at - now)
  }

  get #full(): boolean {
    const { maxInFlightBytes, maxInFlightEvents } = this.#context.options
    return this.#window.events >= maxInFlightEvents || this.#window.bytes >= maxInFlightBytes
  }

  get #anyHeld(): boolean {
    return this.#held.keyCount > 0 || this.#held.topics.size > 0
  }

  #launch(phase: FaultPhase, operation: Promise<void>): void {
    const tracked = operation
      .catch((error: unknown) => void (this.#failure ??= { phase, error }))
      .finally(() => {
        this.#operations.delete(tracked)
        this.#wake.notify()
      })
    this.#operations.add(tracked)
  }

  #halt(error: OutboxError): void {
    this.#halted ??= error
    this.stop()
  }

  /** True: nothing of ours is still being published. */
  async #windDown(): Promise<boolean> {
    this.#abortRead.abort()
    this.#sender.abort()
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => void (timer = setTimeout(resolve, windDownMs)))
    await Promise.race([Promise.all(this.#operations), enough])
    clearTimeout(timer)
    return !this.#sender.busy
  }

  // ── read ──

  #startRead(now: number): void {
    if (this.#reading || this.#full || now < this.#nextReadAt) return
    this.#reading = true
    this.#launch('read', this.#read())
  }

  async #read(): Promise<void> {
    const { options, metrics, emitter } = this.#context
    const batch = await options.source.read(this.#abortRead.signal).finally(() => (this.#reading = false))
    this.#fingerprint ??= batch.fingerprint
    if (batch.fingerprint !== this.#fingerprint) {
      metrics.fingerprintChanges++
      throw serverChanged(this.#fingerprint, batch.fingerprint)
    }
    metrics.reads++
    metrics.lastReadAt = Date.now()
    if (batch.late !== undefined && batch.late > 0) {
      metrics.late += batch.late
      emitter.emit('late', { count: batch.late })
    }
    this.#window.add(batch.events, (event) => this.#topicOf(event))
    this.#caughtUp = batch.events.length === 0 && !batch.truncated
    if (batch.events.length > 0) this.#pollMs = options.poll.minMs
    else {
      metrics.readsEmpty++
      this.#pollMs = Math.min(options.poll.maxMs, this.#pollMs * 2)
    }
    this.#nextReadAt = batch.truncated ? -Infinity : options.now() + this.#pollMs
  }

  #topicOf(event: StoredEvent): string | null {
    try {
      return this.#context.options.publisher.topicOf(event)
    } catch {
      // Publishing it will say what is wrong with it.
      return null
    }
  }

  // ── publish ──

  #startPublish(now: number): void {
    if (this.#publishing || now < this.#retryAt) return
    const [key, scope] = this.#keysToDrain.entries().next().value ?? []
    if (key !== undefined && scope !== undefined) {
      // In the healthy topics' turn: two calls never carry the same topic.
      this.#keysToDrain.delete(key)
      this.#publishing = true
      this.#launch('drain', this.#drainKey(scope))
      return
    }
    const left = (this.#once?.maxEvents ?? Infinity) - this.#published
    const entries = this.#window.take(Math.min(publishEvents, left), publishBytes)
    if (entries.length === 0) return
    this.#publishing = true
    this.#launch('publish', this.#publish(entries))
  }

  async #publish(entries: readonly Entry[]): Promise<void> {
    try {
      const outcomes = await this.#sender.send(entries.map(({ event }) => event))
      this.#apply(entries, outcomes)
    } finally {
      this.#publishing = false
    }
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
    this.#window.giveBack(back)
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
        this.#published++
        this.#window.done(entry)
      } else if (decision.action === 'retry') {
        if (decision.blamed && !nobodyIsBlamed) entry.attempts++
        back.push(entry)
      } else if (decision.action === 'park') {
        entry.attempts++
        this.#held.holdKey(decision.scope)
        this.#window.hold(entry, decision.scope, decision.error.code, decision.error.message)
      } else if (decision.action === 'skip') {
        metrics.skipped++
        this.#window.done(entry)
        emitter.emit('skipped', { event: entry.event, error: decision.error })
      } else this.#halt(decision.error)
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
      full: this.#full,
      named: failures.every(({ topic }) => topic !== null),
    })
    if (starved === 'hold')
      for (const { topic } of back) if (topic !== null) this.#held.holdTopic(topic, now + retryInMs)
    if (starved === 'hold') this.#failures = 0
    this.#retryAt = starved === 'hold' ? now : now + retryInMs
    const error = failures[0]?.error
    if (error !== undefined && this.#stopAt === undefined)
      emitter.emit('fault', { phase: 'publish', error, retryInMs })
  }

  // ── topics that fail while others succeed ──

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
    this.#window.stall(stall)
  }

  #postpone(stall: Stall, error: OutboxError): void {
    const { options, emitter } = this.#context
    const retryInMs = backoffMs(++stall.failures, options.retry, options.random)
    stall.dueAt = options.now() + retryInMs
    emitter.emit('fault', { phase: 'publish', error, topic: stall.topic, retryInMs })
  }

  #startStalls(now: number): void {
    const starving = this.#full && this.#window.waiting === 0 && !this.#publishing
    for (const stall of this.#window.stalls.values()) {
      if (stall.probing) continue
      const { holdAfterMs } = this.#context.options
      if (decideStall({ failingForMs: now - stall.since, holdAfterMs, starving }) === 'hold') {
        this.#held.holdTopic(stall.topic, stall.dueAt)
        this.#window.holdStall(stall)
      } else if (now >= stall.dueAt) {
        stall.probing = true
        this.#launch('publish', this.#probe(stall))
      }
    }
  }

  async #probe(stall: Stall): Promise<void> {
    const { options } = this.#context
    try {
      const entries = this.#window.takeProbe(stall, probeEvents)
      const events = entries.map(({ event }) => event)
      const outcomes = events.length === 0 ? [] : await this.#sender.send(events)
      const decisions = decideEvents(events, outcomes, options.onPoison)
      const back = this.#carryOut(entries, decisions, false)
      stall.entries = [...back, ...stall.entries]
      const failed = decisions.some((decision) => decision.action === 'retry' && decision.blamed)
      if (!failed) {
        this.#window.unstall(stall)
        return
      }
      if (back.length < entries.length) stall.failures = 0
      this.#postpone(stall, firstError(entries, outcomes, stall.topic))
    } finally {
      stall.probing = false
    }
  }

  // ── the held table ──

  #startTopicDrains(now: number): void {
    for (const [name, topic] of this.#held.topics)
      if (!topic.draining && now >= topic.dueAt) this.#launch('drain', this.#drainer.drainTopic(name, topic))
  }

  async #drainKey(scope: HeldScope): Promise<void> {
    try {
      const next = await this.#drainer.drainKey(scope)
      if (next === 'more') this.#keysToDrain.set(scope.scope, scope)
      else if (next === 'later') this.#keysToCheck.push(scope)
    } finally {
      this.#publishing = false
    }
  }

  #startRequests(now: number): void {
    if (this.#polling || !this.#anyHeld || now < this.#nextRequestsAt) return
    this.#polling = true
    this.#launch('drain', this.#pollRequests())
  }

  /** Looks for what people have asked for, and at keys whose first row may be free to go. */
  async #pollRequests(): Promise<void> {
    const { source, now, requestPollMs } = this.#context.options
    try {
      for (const scope of await source.requestedScopes()) {
        if (scope.kind === 'key') this.#keysToDrain.set(scope.scope, scope)
        const topic = scope.kind === 'topic' ? this.#held.topics.get(scope.scope) : undefined
        if (topic !== undefined) topic.dueAt = Math.min(topic.dueAt, now())
      }
      for (const scope of this.#keysToCheck.splice(0, keysPerRound)) this.#keysToDrain.set(scope.scope, scope)
    } finally {
      this.#nextRequestsAt = now() + requestPollMs
      this.#polling = false
    }
  }

  // ── settle ──

  #startSettle(): void {
    if (this.#settling || !this.#window.settleable) return
    this.#settling = true
    this.#launch(
      'settle',
      this.#serial(() => this.#settle()).finally(() => (this.#settling = false)),
    )
  }

  async #settle(): Promise<void> {
    const { options, guard, metrics, emitter } = this.#context
    const settling = this.#window.takeSettling()
    const { done, held } = settling.settlement
    if (settling.entries.length === 0) return
    guard.assertOwned()
    const answer = options.source.settle(settling.settlement)
    // Both are awaited, but the hook first: a rejection meanwhile is not an unhandled one.
    answer.catch(() => undefined)
    await reachPoint(options, 'during-settle')
    await answer
    this.#window.settled(settling)
    metrics.settles++
    metrics.settled += done.length
    metrics.held += held.length
    if (held.length > 0) emitter.emit('held', { events: held })
  }
}

function firstError(entries: readonly Entry[], outcomes: readonly Outcome[], topic: string): OutboxError {
  const outcome = outcomes.find((one, index) => one.status === 'retry' && entries[index]?.topic === topic)
  if (outcome?.status === 'retry') return outcome.error
  return new OutboxError('OUTBOX_PUBLISH_RETRY', `Topic ${topic} fails.`)
}

function serverChanged(from: string, to: string): OutboxError {
  return new OutboxError('OUTBOX_SOURCE_FAILED', `The database server has changed from ${from} to ${to}.`, {
    details: { from, to },
  })
}

/** Any thrown value as an `OutboxError`. */
export function asSourceError(error: unknown): OutboxError {
  if (isOutboxError(error)) return error
  const text = error instanceof Error ? error.message || error.name : String(error)
  return new OutboxError('OUTBOX_SOURCE_FAILED', text, { cause: error })
}
