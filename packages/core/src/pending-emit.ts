import type { Outbox } from './outbox.js'
import type { PreparedEvent } from './prepare.js'

/** An emit call whose INSERT has not been sent yet. */
export interface PendingEmit {
  readonly outbox: Outbox
  readonly events: readonly PreparedEvent[]
  readonly settle: { resolve: () => void; reject: (error: unknown) => void }
}

export function deferred(): {
  promise: Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
} {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // A failure is reported by the transaction itself; an un-awaited emit must not crash the process as well.
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Neighbouring emits with the same options become one INSERT. */
export function groupByOutbox(
  emits: readonly PendingEmit[],
): { outbox: Outbox; emits: PendingEmit[]; events: PreparedEvent[] }[] {
  const groups: { outbox: Outbox; emits: PendingEmit[]; events: PreparedEvent[] }[] = []
  for (const emit of emits) {
    const last = groups.at(-1)
    if (last?.outbox === emit.outbox) {
      last.emits.push(emit)
      // One by one: arguments are limited in number.
      for (const event of emit.events) last.events.push(event)
    } else groups.push({ outbox: emit.outbox, emits: [emit], events: [...emit.events] })
  }
  return groups
}
