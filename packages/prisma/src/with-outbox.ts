import {
  emitAmbient,
  markHandle,
  Outbox,
  OutboxError,
  runInScope,
  TransactionScope,
  type OutboxEvent,
} from '@outboxkit/core'
import { dialectOf, executorOf, isTransaction, type PrismaHandle } from './handle.js'
import type { ExactPrismaOptions, PrismaLike, PrismaOutboxOptions, WithOutbox } from './types.js'
import { proofOf } from './unbroken.js'
import { mark, own, wrappingOf, type Wrapping } from './wrapping.js'

type EventInput = OutboxEvent | readonly OutboxEvent[]
type Body = (tx: object) => unknown

/**
 * A client like `client` whose interactive transactions have `emit()` and `afterCommit()`, nested ones as well.
 * `client` itself is not changed. Extensions may be applied before or after: `$extends` of the result gives a
 * client with the outbox.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an option that does not fit, and `OUTBOX_HANDLE_UNSUPPORTED` for a client
 * that cannot work: another database than PostgreSQL, MySQL and MariaDB, a transaction, or a model called Emit,
 * AfterCommit or (with `ambient`) Outbox.
 */
export function withOutbox<C extends PrismaLike, const O extends PrismaOutboxOptions = {}>(
  client: C,
  options?: ExactPrismaOptions<O>,
): WithOutbox<C, O> {
  const { provider, ...rest }: PrismaOutboxOptions = options ?? {}
  const handle = client as unknown as PrismaHandle
  const dialect = dialectOf(handle, provider)
  if (isTransaction(handle))
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      'withOutbox() takes the client, not a transaction: it could not see the commit. Wrap the client, or use createEmit() with this transaction.',
    )
  return wrapClient({ outbox: new Outbox(rest), dialect, client: handle }) as WithOutbox<C, O>
}

function wrapClient(wrapping: Wrapping): object {
  const { outbox, client } = wrapping
  const names = ['emit', 'afterCommit', ...(outbox.ambient === undefined ? [] : ['outbox'])]
  rejectModels(client, names)
  const wrapped = Object.create(client) as object
  own(wrapped, {
    $transaction: wrapTransaction(client, wrapping),
    $extends: (extension: unknown) => wrapClient({ ...wrapping, client: client.$extends(extension) }),
    emit: emitOutside,
    [mark]: wrapping,
  })
  if (outbox.ambient !== undefined)
    own(wrapped, {
      outbox: { emit: (input: EventInput, more?: unknown) => emitAmbient(outbox, input, more) },
    })
  return wrapped
}

/** `handle.$transaction`, with `emit` on every interactive transaction that it opens. */
function wrapTransaction(handle: PrismaHandle, { outbox, dialect }: Wrapping, parent?: TransactionScope) {
  return async (body: Body | readonly unknown[], options?: unknown): Promise<unknown> => {
    // The batch form: there is no handle to emit on, emitOperation() is for that.
    if (typeof body !== 'function') {
      if (parent !== undefined) rejectOperations(body)
      rejectStrangers(body, handle)
      return handle.$transaction?.(body, options)
    }
    let tx = handle
    const newScope = (): TransactionScope =>
      new TransactionScope(
        outbox,
        executorOf(dialect, () => tx, true),
        parent,
      )
    // Before anything is awaited: from now on the outer transaction takes no emit that a savepoint could undo.
    let scope = newScope()
    try {
      await parent?.beforeNested()
      const outer = parent !== undefined && dialect === 'mysql' ? proofOf(handle).handle : handle
      const result = await outer.$transaction?.((opened: PrismaHandle) => {
        tx = opened
        // An extension that retries calls the body once more.
        if (!scope.isOpen) {
          scope.rolledBack()
          scope = newScope()
        }
        const wrapped = wrapTx(opened, scope, { outbox, dialect, client: handle })
        const work = runInScope(scope, () => body(wrapped))
        return dialect === 'mysql' ? abandoning(opened, work) : work
      }, options)
      await scope.committed()
      return result
    } catch (error) {
      scope.rolledBack()
      throw error
    }
  }
}

async function abandoning<R>(tx: PrismaHandle, work: Promise<R>): Promise<R> {
  try {
    return await work
  } catch (error) {
    await proofOf(tx).abandon()
    throw error
  }
}

/** An object of its own before Prisma's: what is defined on a transaction would reach the client behind it. */
function wrapTx(tx: PrismaHandle, scope: TransactionScope, wrapping: Wrapping): object {
  const wrapped = Object.create(tx) as object
  markHandle(wrapped, scope)
  own(wrapped, {
    emit: (input: EventInput, more?: unknown) => scope.emit(input, scope.outbox, more),
    afterCommit: (hook: () => unknown) => scope.afterCommit(hook),
  })
  if (typeof tx.$transaction === 'function')
    own(wrapped, { $transaction: wrapTransaction(tx, wrapping, scope) })
  return wrapped
}

/** Prisma 7 runs a batch that is called on a transaction in a transaction of its own: it would stay. */
function rejectOperations(batch: readonly unknown[]): void {
  if (batch.some((operation) => typeof operation === 'object' && operation !== null && mark in operation))
    throw new OutboxError(
      'OUTBOX_NO_TRANSACTION',
      'emitOperation() got into tx.$transaction([…]), which Prisma does not run in the transaction tx. Use tx.emit().',
    )
}

/** Each client runs its part of a batch in a transaction of its own: an event would stay without the others. */
function rejectStrangers(batch: readonly unknown[], { _engine }: PrismaHandle): void {
  const isStranger = (operation: unknown): boolean => {
    if (typeof operation !== 'object' || operation === null) return false
    const wrapping = wrappingOf(operation)
    return wrapping !== undefined && wrapping.client._engine !== _engine
  }
  if (batch.some(isStranger))
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      'emitOperation() was made with another client than the $transaction([…]) it got into, which would run it in a transaction of its own. Pass it the client whose $transaction you call.',
    )
}

/** Our names would hide the models of the same name. */
function rejectModels(client: PrismaHandle, names: readonly string[]): void {
  for (const name of names) {
    const value = (client as unknown as Record<string, unknown>)[name]
    if (typeof value === 'object' && value !== null)
      throw new OutboxError(
        'OUTBOX_HANDLE_UNSUPPORTED',
        `The client has a model that is reached as '${name}', which is a name of the outbox. Rename the model and keep its table with @@map.`,
        { details: { name } },
      )
  }
}

function emitOutside(): never {
  throw new OutboxError(
    'OUTBOX_NO_TRANSACTION',
    'emit() was called outside of a transaction. Use db.$transaction(async (tx) => { await tx.emit(…) }), or emitOperation(db, event) in db.$transaction([…]).',
  )
}
