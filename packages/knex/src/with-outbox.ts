import {
  emitAmbient,
  emitFunction,
  Outbox,
  OutboxError,
  type EventsOf,
  type ExactOptions,
  type OutboxEvent,
  type OutboxOptions,
} from '@outboxkit/core'
import type { Knex } from 'knex'
import { dialectOf, type KnexHandle, type KnexTransactor } from './client.js'
import { foreignExecutorOf } from './executor.js'
import { guardEmitter } from './handle.js'
import { hookClient, isHooked } from './hook.js'
import type { EmitFunction, WithOutbox } from './types.js'

/**
 * Gives every transaction of `knex` `emit` and `afterCommit`, however it is opened. The instance itself is changed
 * and returned, so transactions opened through other references to it have them too; call it once per instance.
 *
 * Throws `OUTBOX_OPTION_INVALID` for unknown or wrong options, `OUTBOX_HANDLE_UNSUPPORTED` for a transaction,
 * for an instance that has an outbox already, and for databases other than PostgreSQL, MySQL and MariaDB.
 */
export function withOutbox<K extends Knex, const O extends OutboxOptions = {}>(
  knex: K,
  options?: ExactOptions<O>,
): WithOutbox<K, O> {
  const handle = toHandle(knex)
  if (handle.isTransaction === true)
    throw unsupported(
      'withOutbox() takes the Knex instance, not a transaction. For a transaction use createEmit().',
    )
  if (isHooked(handle.client))
    throw unsupported(
      'withOutbox() was called before for this Knex instance. Call it once and share what it returns.',
    )
  const outbox = new Outbox(options)
  outbox.assertSupports(dialectOf(handle.client))
  hookClient(handle.client, outbox)
  guardEmitter(handle)
  if (outbox.ambient !== undefined)
    Object.defineProperty(handle, 'outbox', {
      value: { emit: (input: OutboxEvent, more?: unknown) => emitAmbient(outbox, input, more) },
    })
  return knex as never
}

/**
 * The function form, for transactions that a framework owns: `emit(trx, event)`. A transaction of a wrapped instance
 * gets all guarantees of `trx.emit`. Of any other, nobody sees the end: the INSERT starts at once, and the call
 * must be awaited.
 *
 * Throws `OUTBOX_OPTION_INVALID`. The function rejects with `OUTBOX_NO_TRANSACTION` for a plain instance.
 */
export function createEmit<const O extends OutboxOptions = {}>(
  options?: ExactOptions<O>,
): EmitFunction<EventsOf<O>> {
  const emit = emitFunction(new Outbox(options), (handle: Knex) => foreignExecutorOf(toTransactor(handle)))
  return emit as never
}

function toHandle(knex: unknown): KnexHandle {
  if (typeof knex === 'function' && 'client' in knex && 'withUserParams' in knex) return knex as never
  throw unsupported(`A Knex instance is needed, got ${knex === null ? 'null' : typeof knex}.`)
}

function toTransactor(knex: unknown): KnexTransactor {
  const handle = toHandle(knex)
  if (handle.isTransaction === true) return handle as KnexTransactor
  throw new OutboxError(
    'OUTBOX_NO_TRANSACTION',
    'emit() got the Knex instance, not a transaction. Pass the transaction: knex.transaction(async (trx) => { await emit(trx, event) }).',
  )
}

function unsupported(message: string): OutboxError {
  return new OutboxError('OUTBOX_HANDLE_UNSUPPORTED', message)
}
