import type { OutboxError, StoredEvent } from '@outboxkit/core'
import { Drainer } from './drain.js'
import type { FaultPhase } from './events.js'
import { HeldScopes } from './held.js'
import { Janitor } from './janitor.js'
import { Lanes } from './lanes.js'
import { Reader } from './reader.js'
import { HeldRequests } from './requests.js'
import { reachPoint, Sender, type LoopContext } from './send.js'
import { createSerial } from './serial.js'
import type { Lease } from './source.js'
import type { Wake } from './wake.js'
import { Window } from './window.js'

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
  /** There was nothing to do for as long as the options say. */
  | { readonly kind: 'idle' }
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
  readonly #reader: Reader
  readonly #lanes: Lanes
  readonly #janitor: Janitor
  readonly #operations = new Set<Promise<void>>()
  #requests: HeldRequests | undefined
  #settling = false
  /** The last turn of the healthy topics' lane went to a held key. */
  #keyWasDrained = false
  #draining = false
  #failure: { phase: FaultPhase; error: unknown } | undefined
  #halted: OutboxError | undefined
  #passed: { complete: boolean } | undefined
  /** When there was something to do last. */
  #busyAt = -Infinity
  #isIdle = false
  #stopAt: number | undefined

  constructor(context: LoopContext, wake: Wake, once?: OncePass) {
    this.#context = context
    this.#wake = wake
    this.#once = once
    this.#sender = new Sender(context)
    this.#reader = new Reader(context)
    this.#janitor = new Janitor(context, this.#serial)
    this.#lanes = new Lanes(context, {
      sender: this.#sender,
      held: this.#held,
      window: this.#window,
      launch: (phase, operation) => this.#launch(phase, operation),
      isFull: () => this.#isFull,
      onHalt: (error) => this.#halt(error),
    })
  }

  /** Of the server that has answered the reads. */
  get fingerprint(): string | undefined {
    return this.#reader.fingerprint
  }

  /** Polls at once. */
  poke(): void {
    this.#reader.poke()
    this.#wake.notify()
  }

  /** Starts nothing new, settles what is published, and ends. */
  stop(): void {
    if (this.#stopAt !== undefined) return
    const { options } = this.#context
    this.#stopAt = options.now() + options.stopTimeoutMs
    this.#reader.stop()
    this.#wake.notify()
  }

  /** Never throws. `opened` is called when the source is open. */
  async run(lease: Lease, opened: () => void): Promise<LoopEnd> {
    const { options, guard, metrics } = this.#context
    try {
      await this.#open(lease)
      opened()
    } catch (error) {
      return { kind: 'failed', phase: 'open', error, quiet: true }
    }
    try {
      while (this.#failure === undefined) {
        guard.assertOwned()
        this.#pump(options.now())
        if (this.#hasEnded(options.now())) break
        await this.#wake.wait(this.#waitMs(options.now()))
      }
    } catch (error) {
      this.#failure ??= { phase: 'renew', error }
    }
    const quiet = await this.#windDown()
    metrics.inFlightEvents = metrics.inFlightBytes = metrics.stalledTopics = 0
    if (this.#failure !== undefined) return { kind: 'failed', ...this.#failure, quiet }
    if (this.#halted !== undefined) return { kind: 'halted', error: this.#halted, quiet }
    if (this.#passed !== undefined) return { kind: 'passed', ...this.#passed, quiet }
    return { kind: this.#isIdle ? 'idle' : 'stopped', quiet }
  }

  async #open(lease: Lease): Promise<void> {
    const { source, now } = this.#context.options
    await source.open(lease)
    this.#held.load(await source.heldScopes(), now())
    this.#requests = new HeldRequests(this.#context, {
      held: this.#held,
      launch: (phase, operation) => this.#launch(phase, operation),
      isPass: this.#once !== undefined,
      drainer: new Drainer(this.#context, {
        sender: this.#sender,
        held: this.#held,
        window: this.#window,
        serial: this.#serial,
        topicOf: (event) => this.#topicOf(event),
        isCrowded: () => this.#fills(0.5),
        onHalt: ({ error }) => this.#halt(error),
      }),
    })
  }

  #pump(now: number): void {
    if (this.#stopAt === undefined) this.#start(now)
    else if (now >= this.#stopAt) this.#sender.abort()
    this.#startSettle()
    const { metrics } = this.#context
    metrics.turns++
    metrics.inFlightEvents = this.#window.events
    metrics.inFlightBytes = this.#window.bytes
    metrics.stalledTopics = this.#window.stalls.size
    metrics.heldKeys = this.#held.keyCount
    metrics.heldTopics = this.#held.topics.size
  }

  #start(now: number): void {
    if (!this.#isFull && now >= this.#reader.nextAt)
      this.#launch(
        'read',
        this.#reader.read((events) => this.#window.add(events, (event) => this.#topicOf(event))),
      )
    this.#requests?.start(now)
    if (now >= this.#janitor.nextAt) this.#launch('clean', this.#janitor.clean())
    // By turns: a key with many held rows must not keep the lane from everybody else.
    const isTurnOfOthers = this.#keyWasDrained && this.#window.waiting > 0
    if (!isTurnOfOthers) this.#startKey(now)
    this.#lanes.start(now, (this.#once?.maxEvents ?? Infinity) - this.#lanes.published)
    // They may have nothing to publish after all.
    if (isTurnOfOthers) this.#startKey(now)
  }

  #startKey(now: number): void {
    const key = this.#lanes.isFree(now) ? this.#requests?.takeKey() : undefined
    this.#keyWasDrained = key !== undefined || (this.#keyWasDrained && this.#draining)
    if (key === undefined) return
    this.#draining = true
    this.#lanes.occupy('drain', async () => {
      try {
        await this.#requests?.drainKey(key)
      } finally {
        this.#draining = false
      }
    })
  }

  #hasEnded(now: number): boolean {
    const isQuiet = this.#operations.size === 0
    if (this.#stopAt === undefined) {
      const isEmpty = isQuiet && this.#reader.caughtUp && this.#window.events === 0
      if (this.#once !== undefined)
        this.#pass(
          this.#once,
          isEmpty && this.#requests?.isQuiet(now) === true && !this.#janitor.hasMore,
          now,
        )
      else this.#rest(isEmpty, now)
    }
    if (this.#stopAt === undefined) return false
    return (isQuiet && !this.#window.settleable) || now >= this.#stopAt + windDownMs
  }

  /** Ends a pass when nothing is left, or at its bounds. */
  #pass(once: OncePass, isEmpty: boolean, now: number): void {
    if (!isEmpty && this.#lanes.published < once.maxEvents && now < once.deadlineAt) return
    this.#passed = { complete: isEmpty && this.#held.topics.size === 0 }
    this.stop()
  }

  /** Ends a loop that has had nothing to do for long. A held topic is work: it is tried again and again. */
  #rest(isEmpty: boolean, now: number): void {
    const { sleepAfterMs } = this.#context.options
    if (sleepAfterMs === Infinity) return
    const hasWork = this.#window.events > 0 || !this.#reader.caughtUp || this.#held.topics.size > 0
    if (hasWork || this.#busyAt === -Infinity) this.#busyAt = now
    if (!isEmpty || now - this.#busyAt < sleepAfterMs) return
    this.#isIdle = true
    this.stop()
  }

  /** Until the next thing is due. */
  #waitMs(now: number): number {
    // Past the time to stop, whatever still runs is only looked after.
    if (this.#stopAt !== undefined) return now < this.#stopAt ? this.#stopAt - now : 50
    const dueAt = Math.min(
      this.#isFull ? Infinity : this.#reader.nextAt,
      this.#lanes.nextAt,
      this.#requests?.nextAt ?? Infinity,
      this.#janitor.nextAt,
      this.#once?.deadlineAt ?? Infinity,
      now + this.#context.guard.remainingMs,
    )
    return Math.max(0, dueAt - now)
  }

  get #isFull(): boolean {
    return this.#fills(1)
  }

  /** At least this share of what may be in memory is. */
  #fills(share: number): boolean {
    const { maxInFlightBytes, maxInFlightEvents } = this.#context.options
    const { events, bytes } = this.#window
    return events >= maxInFlightEvents * share || bytes >= maxInFlightBytes * share
  }

  #topicOf(event: StoredEvent): string | null {
    try {
      return this.#context.options.publisher.topicOf(event)
    } catch {
      // Publishing it will say what is wrong with it.
      return null
    }
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
    this.#reader.stop()
    this.#sender.abort()
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => void (timer = setTimeout(resolve, windDownMs)))
    await Promise.race([Promise.all(this.#operations), enough])
    clearTimeout(timer)
    return !this.#sender.busy
  }

  #startSettle(): void {
    if (this.#settling || !this.#window.settleable) return
    this.#settling = true
    this.#launch(
      'settle',
      this.#serial(() => this.#settle()).finally(() => (this.#settling = false)),
    )
  }

  async #settle(): Promise<void> {
    const { options, guard, metrics, histograms, emitter } = this.#context
    const settling = this.#window.takeSettling()
    const { done, skipped = [], held } = settling.settlement
    if (settling.entries.length === 0) return
    guard.assertOwned()
    const startedAt = options.now()
    const answer = options.source.settle(settling.settlement)
    // Both are awaited, but the hook first: a rejection meanwhile is not an unhandled one.
    answer.catch(() => undefined)
    await reachPoint(options, 'during-settle')
    await answer
    this.#window.settled(settling)
    metrics.settles++
    histograms.settleMs.add(options.now() - startedAt)
    metrics.settled += done.length + skipped.length
    metrics.held += held.length
    if (held.length > 0) emitter.emit('held', { events: held })
  }
}
