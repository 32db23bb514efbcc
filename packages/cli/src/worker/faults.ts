import type { WorkerLog } from './log.js'

export interface FaultNote {
  /** What the fault is about: the same while it is the same trouble, e.g. `source` or `topic orders`. */
  readonly about: string
  readonly code: string
  /** The code of the server or the broker, if there is one. */
  readonly detail?: string | undefined
  readonly message: string
  readonly retryInMs?: number | undefined
}

interface OpenFault {
  readonly since: number
  readonly note: FaultNote
  signature: string
  times: number
  /** Repetitions since the last line about it. */
  unsaid: number
}

/** A fault that goes on. */
export interface OngoingFault {
  readonly about: string
  readonly code: string
  readonly message: string
  readonly forMs: number
  readonly times: number
}

/**
 * Faults that go on and end. One line when one begins, one when it becomes another, one when it is over, and in
 * between a summary now and then; never one per attempt.
 */
export class FaultBook {
  readonly #log: WorkerLog
  readonly #now: () => number
  readonly #open = new Map<string, OpenFault>()

  constructor(log: WorkerLog, now: () => number) {
    this.#log = log
    this.#now = now
  }

  get ongoing(): readonly OngoingFault[] {
    const now = this.#now()
    return [...this.#open.values()].map(({ note, since, times }) => ({
      about: note.about,
      code: note.code,
      message: note.message,
      forMs: now - since,
      times,
    }))
  }

  note(note: FaultNote): void {
    const signature = `${note.code} ${note.detail ?? ''}`
    const known = this.#open.get(note.about)
    if (known !== undefined) {
      known.times++
      known.unsaid++
      if (known.signature === signature) return
      known.signature = signature
    } else {
      this.#open.set(note.about, { since: this.#now(), note, signature, times: 1, unsaid: 0 })
    }
    const { about, code, detail, message } = note
    this.#log.warn({ event: 'fault', about, code, detail }, `${message} (trying again by itself)`)
  }

  /** Ends what is about this, if there is any. */
  over(about: string): void {
    const fault = this.#open.get(about)
    if (fault === undefined) return
    this.#open.delete(about)
    const forMs = Math.round(this.#now() - fault.since)
    this.#log.info(
      { event: 'recovered', about, forMs, times: fault.times },
      `${about} works again, after ${seconds(forMs)} and ${count(fault.times, 'failed attempt')}`,
    )
  }

  /** One line for each fault that has gone on since the last one about it. */
  summarise(): void {
    for (const [about, fault] of this.#open) {
      if (fault.unsaid === 0) continue
      const { code, message } = fault.note
      const forMs = Math.round(this.#now() - fault.since)
      fault.unsaid = 0
      this.#log.warn(
        { event: 'still-failing', about, code, forMs, times: fault.times },
        `${about} still fails, for ${seconds(forMs)} and ${count(fault.times, 'attempt')} now: ${message}`,
      )
    }
  }
}

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
