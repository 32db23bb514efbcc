import { OutboxError } from '@outboxkit/core'
import type { Bounded } from './deadline.js'
import type { BatchOutcome, PartitionBatch, TopicCreation, TopicDescription, TopicLookup } from './driver.js'

/* What every driver answers in the same words, whatever its client. */

/** Connecting, and asking about topics, may take this long. */
export const callTimeoutMs = 30_000

export type Failed = Exclude<Bounded<unknown>, { status: 'done' }>

/** Kafka's name for what went wrong, or a name of ours, and a text for people. */
export interface Reason {
  readonly code: string
  readonly message: string
}

/** `explain`: what the client's own error means. */
export function reasonOf(result: Failed, explain: (error: unknown) => Reason): Reason {
  if (result.status === 'timeout') return { code: 'TIMEOUT', message: 'no answer before the deadline' }
  if (result.status === 'aborted') return { code: 'ABORTED', message: 'the call was aborted' }
  const { code, message } = explain(result.error)
  return { code, message }
}

/** Throws what `connect` of a driver rejects with, unless it has connected. */
export function requireConnected(result: Bounded<unknown>, reason: (failed: Failed) => Reason): void {
  if (result.status === 'done') return
  if (result.status === 'failed' && result.error instanceof OutboxError) throw result.error
  const { code, message } = reason(result)
  throw new OutboxError('OUTBOX_PUBLISH_RETRY', `Kafka cannot be reached: ${message} (${code}).`, {
    details: { code },
  })
}

export function lookupFrom(
  result: Bounded<TopicDescription>,
  reason: (failed: Failed) => Reason,
): TopicLookup {
  if (result.status === 'done') return { status: 'found', topic: result.value }
  const { code, message } = reason(result)
  if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return { status: 'missing' }
  return { status: 'failed', code, message }
}

export function creationFrom(result: Bounded<unknown>, reason: (failed: Failed) => Reason): TopicCreation {
  if (result.status === 'done') return { status: 'created' }
  return { status: 'failed', ...reason(result) }
}

/** The client could not be loaded: nothing was sent. */
export function notLoaded(batches: readonly PartitionBatch[], error: unknown): BatchOutcome[] {
  const message = error instanceof Error ? error.message : String(error)
  return batches.map(() => ({ status: 'failed', code: 'CLIENT_ERROR', message }))
}

export function requireOpen(closed: AbortSignal): void {
  if (closed.aborted) throw new OutboxError('OUTBOX_PUBLISH_RETRY', 'The Kafka driver is closed.')
}

export const noOutcome: BatchOutcome = {
  status: 'unknown',
  code: 'MISSING_ANSWER',
  message: 'nothing was answered for the partition',
}
