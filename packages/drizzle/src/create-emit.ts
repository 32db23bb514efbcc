import {
  Outbox,
  OutboxError,
  scopeOfHandle,
  type EventsOf,
  type OutboxEvent,
  type OutboxOptions,
} from '@outboxkit/core'
import { dialectOf, executorOf, isTransaction, type DrizzleHandle } from './handle.js'
import type { DrizzleTxLike, EmitFunction, KnownOptions } from './types.js'

/**
 * The function form, for frameworks that own the transaction: `emit(tx, event)` or `emit(tx, events)`.
 *
 * On a transaction that was opened through `withOutbox` it does what `tx.emit` does. On any other one its end
 * cannot be seen, so the INSERT starts at once: await it before you go on. An emit after the end of such a
 * transaction is noticed only where the driver tells (node-postgres, while the connection is idle).
 *
 * `createEmit` throws `OUTBOX_OPTION_INVALID`; `emit` throws `OUTBOX_NO_TRANSACTION` at once for a handle that
 * is no transaction and `OUTBOX_HANDLE_UNSUPPORTED` for one that is not Drizzle's; whatever is wrong with the
 * event rejects.
 */
export function createEmit<const O extends OutboxOptions = {}>(
  options?: KnownOptions<O>,
): EmitFunction<EventsOf<O>> {
  const outbox = new Outbox(options)
  const emit = (tx: DrizzleTxLike, input: OutboxEvent | readonly OutboxEvent[]) => {
    const scope = scopeOfHandle(tx)
    if (scope !== undefined) return scope.emit(input, outbox)
    const handle = tx as unknown as DrizzleHandle
    const dialect = dialectOf(handle)
    if (!isTransaction(handle))
      throw new OutboxError(
        'OUTBOX_NO_TRANSACTION',
        'emit() got a Drizzle handle that is no transaction. Pass the handle that db.transaction() gives to its callback.',
      )
    return outbox.emitNow(
      executorOf(dialect, () => handle),
      input,
    )
  }
  return emit as EmitFunction<EventsOf<O>>
}
