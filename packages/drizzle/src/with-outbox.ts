import {
  emitAmbient,
  markHandle,
  Outbox,
  OutboxError,
  runInScope,
  TransactionScope,
  type ExactOptions,
  type OutboxEvent,
  type OutboxOptions,
} from '@outboxkit/core'
import {
  dialectOf,
  executorOf,
  isTransaction,
  watchOf,
  type DrizzleHandle,
  type Opened,
  type TransactionBody,
} from './handle.js'
import type { DrizzleLike, WithOutbox } from './types.js'

type EventInput = OutboxEvent | readonly OutboxEvent[]

/**
 * A handle like `db` whose transactions have `emit()` and `afterCommit()`, nested ones as well. `db` itself is
 * not changed.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an option that does not fit, and `OUTBOX_HANDLE_UNSUPPORTED` for a handle
 * that cannot work: another database than PostgreSQL or MySQL, an HTTP driver without transactions, or a
 * transaction.
 */
export function withOutbox<D extends DrizzleLike, const O extends OutboxOptions = {}>(
  db: D,
  options?: ExactOptions<O>,
): WithOutbox<D, O> {
  const handle = db as unknown as DrizzleHandle
  const dialect = dialectOf(handle)
  if (isTransaction(handle))
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      'withOutbox() takes the database, not a transaction: it could not see the commit. Wrap the database, or use createEmit() with this transaction.',
    )
  const outbox = new Outbox(options)
  outbox.assertSupports(dialect)
  const wrapped = Object.create(handle) as object
  own(wrapped, { transaction: wrapTransaction(handle, outbox), emit: emitOutside })
  if (outbox.ambient !== undefined)
    own(wrapped, {
      outbox: { emit: (input: EventInput, more?: unknown) => emitAmbient(outbox, input, more) },
    })
  return wrapped as WithOutbox<D, O>
}

/** `handle.transaction`, with `emit` on every transaction that it opens. */
function wrapTransaction(
  handle: DrizzleHandle,
  outbox: Outbox,
  parent?: TransactionScope,
): DrizzleHandle['transaction'] {
  // Read now: on a transaction the wrapper takes its place.
  const open = handle.transaction.bind(handle)
  const dialect = dialectOf(handle)
  return async (body: TransactionBody, ...config: unknown[]) => {
    const opening: Opened = { tx: handle }
    // Before anything is awaited: from now on the outer transaction takes no emit that a savepoint could undo.
    const scope = new TransactionScope(outbox, executorOf(dialect, opening, parent?.executor), parent)
    parent?.noteOverlap()
    let failure: { readonly error: unknown } | undefined
    try {
      await parent?.beforeNested()
      const result = await open(
        async (opened) => {
          opening.tx = opened
          const watch = dialect === 'mysql' ? watchOf(opened) : undefined
          if (watch !== undefined) opening.watched = { watch, epoch: watch.epoch }
          decorate(opened, scope)
          try {
            return await runInScope(scope, () => body(opened))
          } catch (error) {
            failure = { error }
            throw error
          }
        },
        ...config,
      )
      await scope.committed()
      return result
    } catch (error) {
      scope.rolledBack()
      // Drizzle 0.x reports a ROLLBACK that fails on a broken connection instead of what has broken it.
      throw failure === undefined ? error : failure.error
    }
  }
}

/** Drizzle makes a new object for every transaction and savepoint, so it can have properties of ours. */
function decorate(tx: DrizzleHandle, scope: TransactionScope): void {
  markHandle(tx, scope)
  own(tx, {
    emit: (input: EventInput, more?: unknown) => scope.emit(input, scope.outbox, more),
    afterCommit: (hook: () => unknown) => scope.afterCommit(hook),
    transaction: wrapTransaction(tx, scope.outbox, scope),
  })
}

/** Own properties that nobody enumerates: Drizzle handles are logged and spread. */
function own(target: object, properties: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(properties))
    Object.defineProperty(target, name, { value, configurable: true, enumerable: false, writable: true })
}

function emitOutside(): never {
  throw new OutboxError(
    'OUTBOX_NO_TRANSACTION',
    'emit() was called outside of a transaction. Use db.transaction(async (tx) => { await tx.emit(…) }).',
  )
}
