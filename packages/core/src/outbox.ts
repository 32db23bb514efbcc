import { AsyncLocalStorage } from 'node:async_hooks'
import type { Catalogue, EventOf } from './catalogue.js'
import { OutboxError } from './errors.js'
import { scopeOf, type OutboxEvent } from './event.js'
import type { SqlExecutor } from './executor.js'
import { insertEvents, lockKeyStatement, type DuplicatePolicy } from './insert.js'
import type { BigIntPolicy } from './json.js'
import { rejectUnknownKeys } from './known-keys.js'
import { prepareEvents, type PreparedEvent, type PrepareOptions } from './prepare.js'
import type { Dialect, SqlStatement } from './statement.js'
import { resolveTable, type OutboxTable, type TableOptions } from './table.js'
import { explained, explainedLargeInsert } from './transaction-errors.js'
import type { TransactionScope } from './transaction.js'
import { UnbrokenProof } from './unbroken.js'
import { processWarning } from './warning.js'

/** Options of `withOutbox` and `createEmit`, the same for every ORM. */
export interface OutboxOptions {
  /** Where the outbox table is. Default: `outbox` in the connection's schema, JSON payloads. */
  readonly table?: TableOptions | undefined
  /** The catalogue that events are checked against, in types and at run time. Default: any event. */
  readonly events?: Catalogue | undefined
  /**
   * Largest payload in bytes of UTF-8. Default 900,000: with key and headers that stays below the 1,000,012
   * bytes that Kafka takes by default.
   */
  readonly maxPayloadBytes?: number | undefined
  /** A BigInt inside a JSON payload: `error` (default), or stored as a decimal `string`. */
  readonly bigint?: BigIntPolicy | undefined
  /**
   * Takes a lock per aggregate inside `emit`, for applications that emit before they write the aggregate's row.
   * Default false. PostgreSQL only.
   */
  readonly lockKey?: boolean | undefined
  /**
   * Needs `table: { uniqueId: true }`. An event whose id is in the table already: `error` (default,
   * `OUTBOX_DUPLICATE_ID`) or `ignore`, which keeps the stored one. An event that was published has left the table.
   */
  readonly onDuplicate?: DuplicatePolicy | undefined
  /** Adds `outbox.emit()` to the handle, which finds the current transaction by itself. Default false. */
  readonly ambient?: boolean | undefined
  /**
   * Where OpenTelemetry is registered, `emit` stores the active trace context (and baggage) in the event's headers,
   * as the application's propagator writes it. `false` leaves it out. Default true.
   */
  readonly tracing?: boolean | undefined
  /** Told of every failing `afterCommit` hook. Default: a process warning. The commit stands in any case. */
  readonly onAfterCommitError?: ((error: unknown) => void) | undefined
}

/** `O` without keys that {@link OutboxOptions} does not have: a generic parameter would accept them. */
export type ExactOptions<O extends OutboxOptions> = O & {
  readonly [K in Exclude<keyof O, keyof OutboxOptions>]: never
}

/** The events that `emit` accepts under the options `O`. */
export type EventsOf<O extends OutboxOptions> = O extends { readonly events: infer C extends Catalogue }
  ? EventOf<C>
  : OutboxEvent

/** `emit` on a transaction: one event gives its id, several give their ids and cost one INSERT. */
export interface Emit<E> {
  (events: readonly E[]): Promise<string[]>
  // Last, because compilers explain a mistake with the last form.
  (event: E): Promise<string>
}

const optionKeys = [
  'table',
  'events',
  'maxPayloadBytes',
  'bigint',
  'lockKey',
  'onDuplicate',
  'ambient',
  'tracing',
  'onAfterCommitError',
] as const
const defaultMaxPayloadBytes = 900_000

/** Resolved options and what follows from them. Adapters make one per `withOutbox` or `createEmit`. */
export class Outbox {
  readonly table: OutboxTable
  readonly lockKey: boolean
  readonly onDuplicate: DuplicatePolicy
  readonly ambient: AsyncLocalStorage<TransactionScope> | undefined
  readonly reportAfterCommitError: (error: unknown) => void
  readonly #prepare: PrepareOptions

  /** Throws `OUTBOX_OPTION_INVALID`. */
  constructor(options: OutboxOptions = {}) {
    rejectUnknownKeys(options, optionKeys, 'The outbox')
    const maxPayloadBytes = options.maxPayloadBytes ?? defaultMaxPayloadBytes
    if (!Number.isSafeInteger(maxPayloadBytes) || maxPayloadBytes < 1)
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `maxPayloadBytes must be a positive whole number of bytes, got ${String(maxPayloadBytes)}.`,
      )
    const bigint = options.bigint ?? 'error'
    if (bigint !== 'error' && bigint !== 'string')
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `bigint must be 'error' or 'string', got ${JSON.stringify(bigint)}.`,
      )
    if (options.events !== undefined && typeof options.events?.parsePayload !== 'function')
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        'events must be a catalogue, made by defineEvents({ … }).',
      )
    const tracing = options.tracing ?? true
    if (typeof tracing !== 'boolean')
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `tracing must be true or false, got ${JSON.stringify(tracing)}.`,
      )
    this.table = resolveTable(options.table)
    this.lockKey = options.lockKey ?? false
    this.onDuplicate = resolveDuplicates(options.onDuplicate, this.table)
    this.ambient = options.ambient === true ? new AsyncLocalStorage() : undefined
    this.reportAfterCommitError = options.onAfterCommitError ?? warnOfHook
    this.#prepare = { payload: this.table.payload, events: options.events, maxPayloadBytes, bigint, tracing }
  }

  /** Throws `OUTBOX_OPTION_INVALID` for an option that the database has no way to keep. */
  assertSupports(dialect: Dialect): void {
    if (!this.lockKey || dialect === 'postgres') return
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      'lockKey is available on PostgreSQL only: MySQL and MariaDB have no locks that end with the transaction. Write the aggregate row before you emit instead.',
    )
  }

  /** Checks and freezes. Throws before any SQL is sent. */
  prepare(events: readonly OutboxEvent[]): PreparedEvent[] {
    return prepareEvents(events, this.#prepare)
  }

  /** Inserts prepared events in order, in the transaction of `executor`. */
  async insert(executor: SqlExecutor, events: readonly PreparedEvent[]): Promise<void> {
    if (events.length === 0) return
    if (this.lockKey) await this.#lockKeys(executor, events)
    const keepsBackslashes = executor.keepsBackslashes?.() === true
    for (const statement of insertEvents(
      this.table,
      executor.dialect,
      events,
      this.onDuplicate,
      keepsBackslashes,
    ))
      await execute(executor, statement)
  }

  /** For handles whose end nobody can see: checks, then starts the INSERT at once. */
  emitNow(executor: SqlExecutor, input: OutboxEvent | readonly OutboxEvent[]): Promise<string | string[]> {
    try {
      executor.assertOpen?.()
      const prepared = this.prepare(asList(input))
      return this.#insertProven(executor, prepared).then(
        () => idsOf(input, prepared),
        (error: unknown) => {
          throw explained(error)
        },
      )
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async #insertProven(executor: SqlExecutor, events: readonly PreparedEvent[]): Promise<void> {
    if (executor.dialect === 'mysql' && events.length > 0) {
      const answer = executor.assertUnbroken?.('insert')
      // What is known needs no waiting: an INSERT that starts at once cannot fall behind a COMMIT.
      if (answer !== true) await new UnbrokenProof(executor, 0).beforeInsert(answer)
      executor.assertOpen?.()
    }
    return this.insert(executor, events)
  }

  async #lockKeys(executor: SqlExecutor, events: readonly PreparedEvent[]): Promise<void> {
    this.assertSupports(executor.dialect)
    const scopes = new Set(events.map(scopeOf).filter((scope) => scope !== null))
    // Sorted, so that two transactions with the same keys cannot wait for each other.
    for (const scope of [...scopes].sort()) await executor.execute(lockKeyStatement(scope))
  }
}

async function execute(executor: SqlExecutor, statement: SqlStatement): Promise<void> {
  try {
    await executor.execute(statement)
  } catch (error) {
    if (executor.dialect !== 'mysql') throw error
    throw explainedLargeInsert(
      error,
      statement.values.reduce((sum, value) => sum + (value?.length ?? 0), 0),
    )
  }
}

/** The ambient form: emits in the transaction that the calling code runs in. */
export function emitAmbient(
  outbox: Outbox,
  input: OutboxEvent | readonly OutboxEvent[],
  more?: unknown,
): Promise<string | string[]> {
  const scope = outbox.ambient?.getStore()
  if (scope === undefined)
    throw new OutboxError(
      'OUTBOX_NO_TRANSACTION',
      'outbox.emit() found no transaction. Call it inside a transaction that was opened through the handle returned by withOutbox(…, { ambient: true }).',
    )
  return scope.emit(input, scope.outbox, more)
}

/**
 * `emit(a, b)` would leave out b without a word; TypeScript refuses it, JavaScript does not. Numbers pass:
 * `events.map(tx.emit)`.
 */
export function rejectMore(more: unknown): void {
  if (typeof more !== 'object' || more === null) return
  throw new OutboxError(
    'OUTBOX_EVENT_INVALID',
    'emit() takes one event or one array of events, got several arguments.',
  )
}

export function asList(input: OutboxEvent | readonly OutboxEvent[]): readonly OutboxEvent[] {
  if (!Array.isArray(input)) return [input as OutboxEvent]
  // By index into an ordinary array: a subclass could hide its elements from map and from iteration.
  const events = input as readonly OutboxEvent[]
  return Array.from({ length: events.length }, (_, index) => events[index] as OutboxEvent)
}

export function idsOf(input: unknown, prepared: readonly PreparedEvent[]): string | string[] {
  return Array.isArray(input) ? prepared.map(({ id }) => id) : (prepared[0]?.id ?? '')
}

function resolveDuplicates(policy: DuplicatePolicy = 'error', table: OutboxTable): DuplicatePolicy {
  if (policy !== 'error' && policy !== 'ignore')
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `onDuplicate must be 'error' or 'ignore', got ${JSON.stringify(policy)}.`,
    )
  if (policy === 'ignore' && !table.uniqueId)
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      "onDuplicate: 'ignore' needs a unique index on the id: create the table with uniqueId: true, and say so in the option table.",
    )
  return policy
}

function warnOfHook(error: unknown): void {
  processWarning(
    'OUTBOX_AFTER_COMMIT',
    `An afterCommit hook failed; the transaction is committed. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
}
