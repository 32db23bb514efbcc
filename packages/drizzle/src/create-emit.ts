import {
  emitFunction,
  Outbox,
  OutboxError,
  type Dialect,
  type EventsOf,
  type ExactOptions,
  type OutboxOptions,
} from '@outboxkit/core'
import { dialectOf, foreignExecutorOf, isTransaction, type DrizzleHandle } from './handle.js'
import type { DrizzleTxLike, EmitFunction } from './types.js'

/**
 * The function form, for frameworks that own the transaction: `emit(tx, event)` or `emit(tx, events)`.
 *
 * On a transaction that was opened through `withOutbox` it does what `tx.emit` does. On any other one its end
 * cannot be seen, so the INSERT starts at once: await it before you go on. An emit after the end of such a
 * transaction is noticed only where the driver tells (node-postgres, while the connection is idle).
 *
 * `createEmit` throws `OUTBOX_OPTION_INVALID`. `emit` rejects: `OUTBOX_NO_TRANSACTION` for a handle that is no
 * transaction, `OUTBOX_HANDLE_UNSUPPORTED` for one that is not Drizzle's, or what is wrong with the event.
 */
export function createEmit<const O extends OutboxOptions = {}>(
  options?: ExactOptions<O>,
): EmitFunction<EventsOf<O>> {
  const emit = emitFunction(new Outbox(options), (tx: DrizzleTxLike) => {
    const handle = tx as unknown as DrizzleHandle
    return foreignExecutorOf(transactionDialectOf(handle), handle)
  })
  return emit as EmitFunction<EventsOf<O>>
}

function transactionDialectOf(handle: DrizzleHandle): Dialect {
  const dialect = dialectOf(handle)
  if (isTransaction(handle)) return dialect
  throw new OutboxError(
    'OUTBOX_NO_TRANSACTION',
    'emit() got a Drizzle handle that is no transaction. Pass the handle that db.transaction() gives to its callback.',
  )
}
