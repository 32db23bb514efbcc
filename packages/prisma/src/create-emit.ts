import { emitFunction, Outbox, OutboxError, type Dialect, type EventsOf } from '@outboxkit/core'
import { dialectOf, executorOf, isTransaction, type PrismaHandle } from './handle.js'
import type { EmitFunction, ExactPrismaOptions, PrismaOutboxOptions, PrismaTxLike } from './types.js'

/**
 * The function form, for frameworks that own the transaction: `emit(tx, event)` or `emit(tx, events)` with any
 * `Prisma.TransactionClient`.
 *
 * On a transaction that was opened through `withOutbox` it does what `tx.emit` does. On any other one its end
 * cannot be seen, so the INSERT starts at once: await it before you go on, and do not swallow its error. After
 * the end of the transaction Prisma's own error P2028 comes.
 *
 * `createEmit` throws `OUTBOX_OPTION_INVALID`. `emit` rejects: `OUTBOX_NO_TRANSACTION` for a handle that is no
 * transaction, `OUTBOX_HANDLE_UNSUPPORTED` for one that is not Prisma's, or what is wrong with the event.
 */
export function createEmit<const O extends PrismaOutboxOptions = {}>(
  options?: ExactPrismaOptions<O>,
): EmitFunction<EventsOf<O>> {
  const { provider, ...rest }: PrismaOutboxOptions = options ?? {}
  const emit = emitFunction(new Outbox(rest), (tx: PrismaTxLike) => {
    const handle = tx as unknown as PrismaHandle
    return executorOf(transactionDialectOf(handle, provider), () => handle, false)
  })
  return emit as EmitFunction<EventsOf<O>>
}

function transactionDialectOf(handle: PrismaHandle, provider: string | undefined): Dialect {
  const dialect = dialectOf(handle, provider)
  if (isTransaction(handle)) return dialect
  throw new OutboxError(
    'OUTBOX_NO_TRANSACTION',
    'emit() got a Prisma client that is no transaction. Pass the handle that prisma.$transaction() gives to its callback.',
  )
}
