import { setTimeout as sleep } from 'node:timers/promises'
import { isOutboxError, OutboxError } from '@outboxkit/core'
import {
  createRelay,
  type Relay,
  type RelayHistograms,
  type RelayMetrics,
  type RelayState,
} from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import { checkDatabase, isMistake } from './database-check.js'
import type { OngoingFault } from './faults.js'
import type { WorkerLog } from './log.js'
import { aboutDatabase, Narrator } from './narrate.js'
import { Observer } from './observer.js'

// Between attempts to start, in ms.
const firstRetryMs = 500
const longestRetryMs = 15_000
const summaryMs = 60_000

/** `connecting`: before there is a relay. `failed`: by something that time alone does not cure. */
export type StationState = RelayState | 'connecting' | 'failed'

export interface StationOptions {
  readonly log: WorkerLog
  readonly signal: AbortSignal
  /** Something is wrong that somebody has to put right: {@link Station.mistake}. */
  readonly onMistake: () => void
}

/**
 * One outbox in a worker: connects, runs its relay, and starts over when that fails. Nothing that happens in here is
 * thrown outside, so that one outbox cannot stop the others.
 */
export class Station {
  readonly outbox: ResolvedOutbox
  readonly observer: Observer
  readonly #options: StationOptions
  readonly #narrator: Narrator
  readonly #said = new Set<string>()
  #relay: Relay | undefined
  #mistake: OutboxError | undefined
  #attempts = 0
  #isChecked = false

  constructor(outbox: ResolvedOutbox, options: StationOptions) {
    this.outbox = outbox
    this.#options = options
    this.observer = new Observer(outbox)
    this.#narrator = new Narrator(options.log, () => performance.now())
  }

  get name(): string {
    return this.outbox.name
  }

  get state(): StationState {
    if (this.#mistake !== undefined) return 'failed'
    const relay = this.#relay
    if (relay === undefined) return 'connecting'
    // Between two terms, after a fault: it was the owner, and is about to be again, or to stand by.
    return relay.state === 'owner' && relay.metrics().owner === 0 ? 'starting' : relay.state
  }

  /** What keeps it from running until somebody puts it right. */
  get mistake(): OutboxError | undefined {
    return this.#mistake
  }

  get faults(): readonly OngoingFault[] {
    this.#narrator.refresh()
    return this.#narrator.faults.ongoing
  }

  /** Of the relay that runs now: they start from zero when it has to be made anew. */
  get metrics(): RelayMetrics | undefined {
    return this.#relay?.metrics()
  }

  get histograms(): RelayHistograms | undefined {
    return this.#relay?.histograms()
  }

  /** Changes for as long as something moves. */
  get turns(): string {
    return `${this.#attempts}/${this.#relay?.metrics().turns ?? 0}`
  }

  /** A relay that never was, or has ended by itself, has nothing to settle. */
  get #isRunning(): boolean {
    const state = this.#relay?.state ?? 'idle'
    return state !== 'idle' && state !== 'halted' && state !== 'stopped'
  }

  wake(): void {
    this.#relay?.wake()
  }

  /** Until `signal` is aborted, or the relay has halted for good. Never rejects. */
  async run(): Promise<void> {
    const { signal, log } = this.#options
    const stop = (): void => {
      if (!this.#isRunning) return
      log.info({ event: 'stopping' }, 'stopping: settling what is in flight, giving the lease back')
      void this.#relay?.stop()
    }
    signal.addEventListener('abort', stop, { once: true })
    const timer = setInterval(() => this.#narrator.summarise(), summaryMs)
    try {
      for (let failures = 0; !signal.aborted; failures++) {
        this.#attempts++
        const error = await this.#attempt()
        if (signal.aborted || error === undefined) break
        this.#failed(error)
        if (isOutboxError(error, 'OUTBOX_RELAY_HALTED')) return
        await pause(Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures, 10)), signal)
      }
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', stop)
      await this.observer.close()
    }
    log.info({ event: 'stopped' }, 'stopped')
  }

  /** One relay from start to end. What ended it; `undefined`: it was stopped. */
  async #attempt(): Promise<unknown> {
    const { signal } = this.#options
    try {
      if (!this.#isChecked)
        await unlessAborted(
          checkDatabase(this.outbox, (fields, message) => this.#say(fields, message)),
          signal,
        )
      if (signal.aborted) return undefined
      this.#isChecked = true
      this.#narrator.faults.over(aboutDatabase)
      const relay = this.#createRelay()
      this.#relay = relay
      await relay.start()
      this.#mistake = undefined
      await relay.finished
      return undefined
    } catch (error) {
      return error
    }
  }

  #createRelay(): Relay {
    const onWarning = (message: string): void => this.#warn(message)
    const publisher = this.outbox.createPublisher({ onWarning })
    const source = this.outbox.createSource({ onWarning })
    const relay = createRelay({ ...this.outbox.relay, source, publisher })
    this.#narrator.attach(relay, publisher)
    // A database that is to fall asleep: our connection would keep it awake.
    relay.on('asleep', () => this.observer.release())
    return relay
  }

  #failed(error: unknown): void {
    const { log, onMistake, signal } = this.#options
    const known = asOutboxError(error)
    if (!isMistake(known)) {
      const { code, message, details } = known
      const detail = typeof details['code'] === 'string' ? details['code'] : undefined
      this.#narrator.faults.note({ about: aboutDatabase, code, detail, message })
      return
    }
    const isNew = this.#mistake?.message !== known.message
    this.#mistake = known
    // Ends the worker, unless it is to wait or another outbox can run.
    onMistake()
    const isOver = signal.aborted || known.code === 'OUTBOX_RELAY_HALTED'
    const message = isOver ? known.message : `${known.message} (trying again by itself)`
    if (isNew) log.error({ event: 'failed', code: known.code, ...shown(known) }, message)
  }

  /** Each attempt finds out the same. */
  #say(fields: object, message: string): void {
    if (this.#isNew(message)) this.#options.log.info(fields, message)
  }

  /** A source says the same at each of its opens. */
  #warn(message: string): void {
    if (this.#isNew(message)) this.#options.log.warn({ event: 'warning' }, message)
  }

  #isNew(message: string): boolean {
    const isNew = !this.#said.has(message)
    if (this.#said.size < 1_000) this.#said.add(message)
    return isNew
  }
}

function asOutboxError(error: unknown): OutboxError {
  if (isOutboxError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new OutboxError('OUTBOX_SOURCE_FAILED', message, { cause: error })
}

/** The server's own code, if there is one. */
function shown({ details }: OutboxError): { readonly detail?: string } {
  return typeof details['code'] === 'string' ? { detail: details['code'] } : {}
}

/** Resolves after `ms`, or as soon as the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** Resolves or rejects as `work` does, or resolves as soon as the signal is aborted. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  let end = (): void => undefined
  const aborted = new Promise<void>((resolve) => {
    end = resolve
    signal.addEventListener('abort', end, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', end)
    work.catch(() => undefined)
  }
}
