import type { Emit, EventsOf, OutboxOptions } from '@outboxkit/core'
import type { Extends } from './extends.js'

/** Options of `withOutbox` and `createEmit`. */
export interface PrismaOutboxOptions extends OutboxOptions {
  /**
   * The provider of the datasource in schema.prisma. Default: what the client says. Only needed for a client
   * that hides it, such as a mock or a proxy.
   */
  readonly provider?: 'postgresql' | 'mysql' | undefined
}

/** Like ExactOptions of core, with Prisma's own option. */
export type ExactPrismaOptions<O> = O & {
  readonly [Key in Exclude<keyof O, keyof PrismaOutboxOptions>]: never
}

/** What a Prisma client looks like: of every supported version, of both generators, extended or not. */
export interface PrismaLike {
  readonly $transaction: (...args: never[]) => Promise<unknown>
  readonly $extends: unknown
  readonly $executeRawUnsafe: (query: string, ...values: never[]) => PromiseLike<number>
}

/** What {@link createEmit}'s function takes: a transaction, or a handle that stands for one (nestjs-cls). */
export interface PrismaTxLike {
  readonly $executeRawUnsafe: (query: string, ...values: never[]) => PromiseLike<number>
}

/** The second parameter of `$transaction`: isolation level, maxWait, timeout. */
type OptionsOf<C extends PrismaLike> = Parameters<C['$transaction']>[1]

/** The transaction handle of a client; of one that {@link withOutbox} returned: with `emit`. */
export type OutboxTx<C extends PrismaLike> = Parameters<C['$transaction']>[0] extends (
  tx: infer Tx,
) => unknown
  ? Tx
  : never

/** What a transaction opened through {@link withOutbox} has besides Prisma's own methods. */
export interface OutboxMethods<E> {
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
}

interface Nested<Tx, E> {
  /** A savepoint. Its handle has `emit` too; what it emits is undone with it. */
  $transaction<R>(body: (tx: EmittingTx<Tx, E>) => Promise<R>): Promise<R>
}
interface NestedLast<Tx, E> {
  $transaction(body: (tx: EmittingTx<Tx, E>) => Promise<unknown>): Promise<unknown>
}

// `Parameters<…>` reads the last overload and calls try the first one first: so ours stand on both sides of
// Prisma's own, the last one without a type parameter. Intersections, never Omit: the result stays assignable
// to Prisma's type without comparing every model.
export type EmittingTx<Tx, E> = OutboxMethods<E> &
  (Tx extends { $transaction: unknown } ? Nested<Tx, E> & Tx & NestedLast<Tx, E> : Tx)

/** Only with `ambient: true`. */
export interface AmbientOutbox<E> {
  readonly outbox: {
    /** Emits in the transaction that the calling code runs in. Throws `OUTBOX_NO_TRANSACTION` outside of one. */
    readonly emit: Emit<E>
  }
}

declare const eventType: unique symbol

/** Carries the type of the events to {@link emitOperation}; there is no such property. */
export interface HasEvents<E> {
  readonly [eventType]?: E
}

interface OutboxClient<C extends PrismaLike, O extends OutboxOptions> extends HasEvents<EventsOf<O>> {
  $transaction<R>(
    body: (tx: EmittingTx<OutboxTx<C>, EventsOf<O>>) => Promise<R>,
    options?: OptionsOf<C>,
  ): Promise<R>
  readonly $extends: Extends<C, O>
}

interface OutboxClientLast<C extends PrismaLike, O extends OutboxOptions> {
  $transaction(
    body: (tx: EmittingTx<OutboxTx<C>, EventsOf<O>>) => Promise<unknown>,
    options?: OptionsOf<C>,
  ): Promise<unknown>
}

/** A Prisma client whose transactions have `emit`; still assignable to the type of the client. */
export type WithOutbox<C extends PrismaLike, O extends OutboxOptions = {}> = OutboxClient<C, O> &
  C &
  (O extends { readonly ambient: true } ? AmbientOutbox<EventsOf<O>> : {}) &
  OutboxClientLast<C, O>

/** The function form of `emit`. */
export interface EmitFunction<E> {
  (tx: PrismaTxLike, events: readonly E[]): Promise<string[]>
  (tx: PrismaTxLike, event: E): Promise<string>
}

/** One operation of `$transaction([…])`. */
export interface EmitOperation<T> extends Promise<T> {
  readonly [Symbol.toStringTag]: 'PrismaPromise'
}
