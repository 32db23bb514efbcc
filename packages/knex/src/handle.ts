import { OutboxError, markHandle, type OutboxEvent, type TransactionScope } from '@outboxkit/core'
import type { KnexHandle, KnexTransactor } from './client.js'

const ownEvents: ReadonlySet<string | symbol> = new Set(['start', 'query', 'query-response', 'query-error'])

/** Gives `trx` its `emit` and `afterCommit`. */
export function equipTransaction(trx: KnexTransactor, scope: TransactionScope): void {
  markHandle(trx, scope)
  const emitToListeners = trx.emit
  const emit = (input: unknown, ...rest: unknown[]): unknown => {
    if (typeof input === 'string' || typeof input === 'symbol') {
      if (ownEvents.has(input) || trx.listenerCount(input) > 0)
        return emitToListeners.call(trx, input, ...rest)
      throw refused(scope, stringEmitted(input))
    }
    if (rest.length > 0) throw refused(scope, severalEmitted())
    return scope.emit(input as OutboxEvent)
  }
  Object.assign(trx, { emit, afterCommit: (hook: () => unknown) => scope.afterCommit(hook) })
}

/**
 * `knex.emit({ … })` outside a transaction would be a quiet nothing of EventEmitter: now it throws
 * `OUTBOX_NO_TRANSACTION` at once.
 */
export function guardEmitter(knex: KnexHandle): void {
  const emitToListeners = knex.emit
  const { withUserParams } = knex
  const emit: KnexHandle['emit'] = (name: unknown, ...rest) => {
    if (typeof name === 'string' || typeof name === 'symbol') return emitToListeners.call(knex, name, ...rest)
    throw new OutboxError(
      'OUTBOX_NO_TRANSACTION',
      'emit() was called on the Knex instance. Call it on the transaction: knex.transaction(async (trx) => { await trx.emit(event) }).',
    )
  }
  Object.assign(knex, { emit })
  // Its copy shares the hook, but gets the emit of EventEmitter again. Knex defines the method read-only.
  Object.defineProperty(knex, 'withUserParams', {
    configurable: true,
    value(params: Record<string, unknown>) {
      const copy = withUserParams.call(knex, params)
      guardEmitter(copy)
      return copy
    },
  })
}

/** The transaction fails as well, should the application swallow the error. */
function refused(scope: TransactionScope, error: OutboxError): OutboxError {
  void scope.fail(error)
  return error
}

function severalEmitted(): OutboxError {
  return new OutboxError(
    'OUTBOX_EVENT_INVALID',
    'trx.emit() takes one event or one array of events, got several arguments.',
  )
}

function stringEmitted(name: string | symbol): OutboxError {
  return new OutboxError(
    'OUTBOX_EVENT_INVALID',
    `trx.emit(${JSON.stringify(String(name))}, …) is the way of EventEmitter, has no listener and stores nothing. Pass one object: trx.emit({ type, aggregateType, aggregateId, payload }).`,
  )
}
