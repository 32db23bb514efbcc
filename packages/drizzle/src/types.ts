import type { Emit, EventsOf, OutboxOptions } from '@outboxkit/core'

/**
 * What a Drizzle database looks like, on every supported version. Described here because the classes have
 * other names in Drizzle 1.0.
 */
export interface DrizzleLike {
  transaction(...args: never[]): Promise<unknown>
  execute(...args: never[]): unknown
}

/** What {@link createEmit}'s function takes: a transaction, or a handle that stands for one (nestjs-cls). */
export interface DrizzleTxLike {
  execute(...args: never[]): unknown
}

/** The transaction handle of a Drizzle database; of one that `withOutbox` returned: with `emit`. */
export type OutboxTx<D extends DrizzleLike> = Parameters<Parameters<D['transaction']>[0]>[0]

/** What a transaction opened through {@link withOutbox} has besides Drizzle's own methods. */
export interface OutboxMethods<Tx, E> {
  /**
   * Writes events in this transaction: one event gives its id, several give their ids and cost one INSERT.
   * The INSERT goes out when the result is awaited, at the latest before COMMIT. Its first failure fails the
   * transaction, also when it is caught.
   */
  readonly emit: Emit<E>
  /**
   * Runs `hook` after the outermost COMMIT, in order, awaited; never after a rollback. A failing hook is
   * reported by the option `onAfterCommitError` and undoes nothing.
   */
  afterCommit(hook: () => unknown): void
  /** A savepoint. Its handle has `emit` too; what it emits is undone with it. */
  transaction<R>(body: (tx: EmittingTx<Tx, E>) => Promise<R>): Promise<R>
}

// `Parameters<…>` reads the last overload and calls try the first one first: so ours stand on both sides of
// Drizzle's own signature, the last one without a type parameter.
export type EmittingTx<Tx, E> = OutboxMethods<Tx, E> &
  Tx & { transaction(body: (tx: EmittingTx<Tx, E>) => Promise<unknown>): Promise<unknown> }

/** Only with `ambient: true`. */
export interface AmbientOutbox<E> {
  readonly outbox: {
    /** Emits in the transaction that the calling code runs in. Throws `OUTBOX_NO_TRANSACTION` outside of one. */
    readonly emit: Emit<E>
  }
}

/** A Drizzle database whose transactions have `emit`; still assignable to Drizzle's own type. */
export type WithOutbox<D extends DrizzleLike, O extends OutboxOptions = {}> = {
  transaction<R>(
    body: (tx: EmittingTx<OutboxTx<D>, EventsOf<O>>) => Promise<R>,
    config?: Parameters<D['transaction']>[1],
  ): Promise<R>
} & D &
  (O extends { readonly ambient: true } ? AmbientOutbox<EventsOf<O>> : {}) & {
    transaction(
      body: (tx: EmittingTx<OutboxTx<D>, EventsOf<O>>) => Promise<unknown>,
      config?: Parameters<D['transaction']>[1],
    ): Promise<unknown>
  }

/** The function form of `emit`. */
export interface EmitFunction<E> {
  (tx: DrizzleTxLike, events: readonly E[]): Promise<string[]>
  (tx: DrizzleTxLike, event: E): Promise<string>
}
