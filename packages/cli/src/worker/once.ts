import { isOutboxError, OutboxError } from '@outboxkit/core'
import { createRelay } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import { checkDatabase } from './database-check.js'
import { seconds } from './faults.js'
import type { WorkerLog } from './log.js'
import { Narrator } from './narrate.js'

export interface OnceOptions {
  readonly log: WorkerLog
  readonly signal: AbortSignal
  /** Per outbox. Default: no bound. */
  readonly maxEvents?: number | undefined
  /** How long to go on, waiting for the lease included, in ms. Default 30,000. */
  readonly deadlineMs?: number | undefined
}

export interface OnceResult {
  readonly outbox: string
  /**
   * - `complete`: nothing is left, but for what waits for a person.
   * - `bounded`: `maxEvents` or the deadline came first.
   * - `elsewhere`: another relay owned the table all the time, and publishes.
   * - `failed`: see `error`.
   */
  readonly end: 'complete' | 'bounded' | 'elsewhere' | 'failed'
  readonly published: number
  readonly held: number
  readonly skipped: number
  readonly error?: OutboxError
}

/** One pass over each outbox, side by side, for cron jobs and serverless platforms. Never rejects. */
export function runOnce(
  outboxes: readonly ResolvedOutbox[],
  options: OnceOptions,
): Promise<readonly OnceResult[]> {
  const isNamed = outboxes.length > 1
  return Promise.all(
    outboxes.map((outbox) => {
      const log = isNamed ? options.log.child({ outbox: outbox.name }) : options.log
      return passOver(outbox, { ...options, log })
    }),
  )
}

async function passOver(outbox: ResolvedOutbox, options: OnceOptions): Promise<OnceResult> {
  const { log, signal, maxEvents, deadlineMs } = options
  const nothing = { outbox: outbox.name, published: 0, held: 0, skipped: 0 }
  try {
    await checkDatabase(outbox, (fields, message) => log.info(fields, message))
    const onWarning = (message: string): void => log.warn({ event: 'warning' }, message)
    const publisher = outbox.createPublisher({ onWarning })
    const relay = createRelay({
      ...outbox.relay,
      source: outbox.createSource({ onWarning }),
      publisher,
      signal,
    })
    const narrator = new Narrator(log, () => performance.now())
    narrator.attach(relay, publisher)
    relay.on('standby', ({ owner }) => log.info({ event: 'waiting-for-lease', owner }, waitText(deadlineMs)))
    let last: OutboxError | undefined
    // What went wrong before somebody was found to own the table is over.
    relay.on('fault', ({ error }) => (last = error)).on('standby', () => (last = undefined))
    try {
      const { acquired, complete, ...counts } = await relay.drain({ maxEvents, deadlineMs })
      const done = { ...nothing, ...counts }
      if (acquired && complete) return { ...done, end: 'complete' }
      if (acquired && counts.published >= (maxEvents ?? Infinity)) return { ...done, end: 'bounded' }
      if (last !== undefined) return failedBy(done, last)
      return { ...done, end: acquired ? 'bounded' : 'elsewhere' }
    } finally {
      await relay.stop()
    }
  } catch (error) {
    return failedBy(nothing, error)
  }
}

/** The default is that of `drain`. */
function waitText(deadlineMs = 30_000): string {
  return `this pass waits for it to end, up to ${seconds(deadlineMs)}`
}

function failedBy(counts: Omit<OnceResult, 'end' | 'error'>, error: unknown): OnceResult {
  const known = isOutboxError(error)
    ? error
    : new OutboxError('OUTBOX_SOURCE_FAILED', error instanceof Error ? error.message : String(error))
  return { ...counts, end: 'failed', error: known }
}
