import { insertEvents, OutboxError, rejectMore, type OutboxEvent, type SqlStatement } from '@outboxkit/core'
import { operationOf, type PrismaOperation } from './handle.js'
import type { EmitOperation, HasEvents } from './types.js'
import { mark, wrappingOf, type Wrapping } from './wrapping.js'

/**
 * An emit as one operation of the batch form: `db.$transaction([db.order.create(…), emitOperation(db, event)])`.
 * It gives the id, or the ids of several events, in its place of the result. Values are taken at the call.
 *
 * Outside of `$transaction([…])` awaiting it is an error (`OUTBOX_NO_TRANSACTION`), never an INSERT of its own.
 *
 * Throws `OUTBOX_HANDLE_UNSUPPORTED` for a client that is not from `withOutbox`, `OUTBOX_OPTION_INVALID` with
 * `lockKey`, and what is wrong with the event. An operation is one statement: at most 500 events.
 */
export function emitOperation<E>(db: HasEvents<E>, event: E): EmitOperation<string>
export function emitOperation<E>(db: HasEvents<E>, events: readonly E[]): EmitOperation<string[]>
export function emitOperation(db: object, input: unknown, more?: unknown): EmitOperation<string | string[]> {
  const wrapping = wrappingOf(db)
  if (wrapping === undefined)
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      'emitOperation() takes the client that withOutbox() has returned. In an interactive transaction use tx.emit().',
    )
  rejectMore(more)
  const events = (Array.isArray(input) ? input : [input]) as readonly OutboxEvent[]
  const prepared = wrapping.outbox.prepare(events)
  const operation = operationOf(
    wrapping.client,
    wrapping.dialect,
    onlyStatement(
      wrapping,
      insertEvents(wrapping.outbox.table, wrapping.dialect, prepared, wrapping.outbox.onDuplicate),
    ),
  )
  const ids = prepared.map(({ id }) => id)
  return inBatch(wrapping, operation, Array.isArray(input) ? ids : (ids[0] ?? ''))
}

function onlyStatement({ outbox }: Wrapping, statements: readonly SqlStatement[]): SqlStatement {
  if (outbox.lockKey)
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      'lockKey does not work with emitOperation(), which is a single statement. Use an interactive transaction.',
    )
  const [statement, ...more] = statements
  if (statement === undefined || more.length > 0)
    throw new OutboxError(
      'OUTBOX_EVENT_INVALID',
      `emitOperation() takes as many events as fit into one INSERT (at least one, at most 500 events or about 2 MB); these need ${statements.length}. Use several operations.`,
    )
  return statement
}

/** `operation` with another result, for `$transaction([…])` only. */
function inBatch<T>(wrapping: Wrapping, operation: PrismaOperation<number>, result: T): EmitOperation<T> {
  const outside = (): Promise<never> =>
    Promise.reject(
      new OutboxError(
        'OUTBOX_NO_TRANSACTION',
        'emitOperation() was awaited by itself. Put it into db.$transaction([…]); in an interactive transaction use tx.emit().',
      ),
    )
  const promise: PrismaOperation<T> & { readonly [mark]: Wrapping } = {
    [Symbol.toStringTag]: 'PrismaPromise',
    [mark]: wrapping,
    // oxlint-disable-next-line unicorn/no-thenable -- it stands for a PrismaPromise
    then: (onFulfilled, onRejected) => outside().then(onFulfilled, onRejected),
    catch: (onRejected) => outside().catch(onRejected),
    finally: (onFinally) => outside().finally(onFinally),
    requestTransaction: async (batch) => {
      await operation.requestTransaction(batch)
      return result
    },
  }
  return promise
}
