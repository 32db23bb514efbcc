import { Outbox, OutboxError, scopeOfHandle, type EventsOf, type OutboxEvent } from '@outboxkit/core'
import { dialectOf, executorOf, isTransaction, type PrismaHandle } from './handle.js'
import type { EmitFunction, KnownOptions, PrismaOutboxOptions, PrismaTxLike } from './types.js'

/**
 * The function form, for frameworks that own the transaction: `emit(tx, event)` or `emit(tx, events)` with any
 * `Prisma.TransactionClient`.
 *
 * On a transaction that was opened through `withOutbox` it does what `tx.emit` does. On any other one its end
 * cannot be seen, so the INSERT starts at once: await it before you go on, and do not swallow its error. After
 * the end of the transaction Prisma's own error P2028 comes.
 *
 * `createEmit` throws `OUTBOX_OPTION_INVALID`; `emit` throws `OUTBOX_NO_TRANSACTION` at once for a handle that
 * is no transaction and `OUTBOX_HANDLE_UNSUPPORTED` for one that is not Prisma's; whatever is wrong with the
 * event rejects.
 */
export function createEmit<const O extends PrismaOutboxOptions = {}>(
  options?: KnownOptions<O>,
): EmitFunction<EventsOf<O>> {
  const { provider, ...rest }: PrismaOutboxOptions = options ?? {}
  const outbox = new Outbox(rest)
  const emit = (tx: PrismaTxLike, input: OutboxEvent | readonly OutboxEvent[]) => {
    const scope = scopeOfHandle(tx)
    if (scope !== undefined) return scope.emit(input, outbox)
    const handle = tx as unknown as PrismaHandle
    const dialect = dialectOf(handle, provider)
    if (!isTransaction(handle))
      throw new OutboxError(
        'OUTBOX_NO_TRANSACTION',
        'emit() got a Prisma client that is no transaction. Pass the handle that prisma.$transaction() gives to its callback.',
      )
    return outbox.emitNow(
      executorOf(dialect, () => handle),
      input,
    )
  }
  return emit as EmitFunction<EventsOf<O>>
}
