import type { Dialect, OutboxEvent, OutboxOptions, StandardSchema } from '@outboxkit/core'

/** Something that not every ORM or database has: `true`, or the reason why it is missing. */
export type Capability = true | { readonly missing: string }

/** All of them must be answered; one that the suite does not know fails. */
export const adapterCapabilities = [
  /** Nested transactions (savepoints). */
  'nested',
  /** A batch of operations as one transaction, with emits among them. */
  'batch',
  /** The function form notices the end of a transaction that was opened past the wrapper. */
  'seesPlainEnd',
  /** A failed statement aborts the transaction (PostgreSQL). */
  'abortsOnFailure',
  /** Constraints that fail at COMMIT (PostgreSQL). */
  'deferredConstraints',
  /** Triggers by which the suite can count INSERTs; needs the right to create them. */
  'statementTriggers',
  /** The option `lockKey` (PostgreSQL). */
  'lockKey',
] as const

export type AdapterCapabilities = Readonly<Record<(typeof adapterCapabilities)[number], Capability>>

/**
 * What the suite needs to know about an ORM. Not the harness's job: tables, clean-up and reading back, which the
 * suite does through `query`.
 */
export interface AdapterHarness {
  /** For the titles of the tests, e.g. `knex 3.3.0`. */
  readonly name: string
  readonly dialect: Dialect
  readonly capabilities: AdapterCapabilities
  /** A schema for `{ total: number }` from each schema library to try, by name. */
  readonly schemas?: Readonly<Record<string, StandardSchema<{ total: number }>>>
  /** Runs SQL through a plain driver, never through the ORM: the independent oracle. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  /**
   * A fresh handle of the ORM, wrapped with `options`, with at least five connections. The connections' own schema
   * (PostgreSQL: search path; MySQL: database) is `schema`, which has the business table:
   * `business (id <text> primary key, parent <text> null references business (id))`.
   */
  open(setup: { readonly schema: string; readonly options: OutboxOptions }): Promise<AdapterUnderTest>
}

export type EmitInput = OutboxEvent | readonly OutboxEvent[]
export type EmitResult = Promise<string | string[]>

/** An application's database handle. */
export interface AdapterUnderTest {
  /** The wrapped handle itself, outside a transaction. */
  readonly handle: unknown
  /** A transaction through the wrapper; `body` must be called inside the ORM's callback. */
  transaction<R>(body: (tx: TransactionUnderTest) => Promise<R>): Promise<R>
  /** A transaction of the ORM past the wrapper, as a framework would open it. */
  plainTransaction<R>(body: (tx: PlainTransactionUnderTest) => Promise<R>): Promise<R>
  /** The adapter's `createEmit`. The function must return what the adapter returns: not async. */
  createEmit(options: OutboxOptions): (handle: unknown, input: EmitInput) => EmitResult
  /** `db.emit(input)` outside a transaction, which TypeScript refuses and JavaScript does not. */
  emitOutside(input: EmitInput): unknown
  /** `db.outbox.emit(input)`, under the option `ambient`. Not async. */
  emitAmbient(input: EmitInput): EmitResult
  /** With the capability `batch`: the steps as one batch, in order. */
  batch?(steps: readonly BatchStep[]): Promise<unknown>
  close(): Promise<void>
}

export type BatchStep = { readonly business: string } | { readonly emit: EmitInput }

export interface PlainTransactionUnderTest {
  /** The ORM's own handle, for the function form. */
  readonly handle: unknown
  /** Inserts a business row through the ORM. An id that exists fails, and so does an unknown parent. */
  business(id: string, parent?: string): Promise<void>
}

export interface TransactionUnderTest extends PlainTransactionUnderTest {
  /** The handle's `emit`. Must return what the adapter returns: not async, or it would not be lazy any more. */
  emit(input: EmitInput): EmitResult
  afterCommit(hook: () => unknown): void
  /** With the capability `nested`: a nested transaction through this handle. */
  nested<R>(body: (tx: TransactionUnderTest) => Promise<R>): Promise<R>
}
