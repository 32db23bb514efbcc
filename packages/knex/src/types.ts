import type { Emit, EventsOf, OutboxEvent, OutboxOptions } from '@outboxkit/core'
import type { Knex } from 'knex'

/** What the outbox adds to a transaction. */
export interface OutboxTransactionMethods<E> {
  /** Takes the events at their present value; they are stored if and only if the transaction commits. */
  emit: Knex['emit'] & Emit<E>
  /** Runs after the commit, in order and awaited; never after a rollback. */
  afterCommit(hook: () => unknown): void
}

/** A Knex transaction with `emit`; fits wherever `Knex.Transaction` is expected. */
export interface OutboxTransaction<E = OutboxEvent> extends Knex.Transaction, OutboxTransactionMethods<E> {
  emit: Knex['emit'] & Emit<E>
  transaction: TransactionFunction<OutboxTransaction<E>>
  transactionProvider(config?: Knex.TransactionConfig): () => Promise<OutboxTransaction<E>>
  savepoint<T = unknown>(transactionScope: (trx: OutboxTransaction<E>) => unknown): Promise<T>
}

/** Knex' three forms. */
export interface TransactionFunction<T> {
  (config?: Knex.TransactionConfig): Promise<T>
  (transactionScope?: null, config?: Knex.TransactionConfig): Promise<T>
  <R>(transactionScope: (trx: T) => Promise<R> | void, config?: Knex.TransactionConfig): Promise<R>
}

interface TransactionForms<E> {
  transaction: TransactionFunction<OutboxTransaction<E>>
  transactionProvider(config?: Knex.TransactionConfig): () => Promise<OutboxTransaction<E>>
}

// Not generic, or TypeScript would drop it as the same signature again.
interface LastTransactionForm<E> {
  transaction(
    transactionScope: (trx: OutboxTransaction<E>) => Promise<unknown> | void,
    config?: Knex.TransactionConfig,
  ): Promise<unknown>
}

interface AmbientEmit<E> {
  /** Emits in the transaction that the calling code runs in; without one it throws `OUTBOX_NO_TRANSACTION`. */
  readonly outbox: { readonly emit: Emit<E> }
}

/** The given handle, whose transactions have `emit` and `afterCommit`. */
// Ours comes first, where calls look, and once more last, where `Parameters<…>` looks.
export type WithOutbox<K extends Knex, O extends OutboxOptions> = TransactionForms<EventsOf<O>> &
  K &
  LastTransactionForm<EventsOf<O>> &
  (O extends { readonly ambient: true } ? AmbientEmit<EventsOf<O>> : unknown)

/** The transaction of a wrapped handle: `type Tx = OutboxTx<typeof db>`. */
export type OutboxTx<DB extends { transaction(scope: never): unknown }> = Parameters<
  Parameters<DB['transaction']>[0]
>[0]

/** The function form: for transactions that a framework opens. */
export interface EmitFunction<E> {
  (trx: Knex, events: readonly E[]): Promise<string[]>
  (trx: Knex, event: E): Promise<string>
}
