import { assertCommittable } from './committable.js'
import { isOutboxError, OutboxError } from './errors.js'
import type { OutboxEvent } from './event.js'
import type { SqlExecutor } from './executor.js'
import { LazyPromise } from './lazy-promise.js'
import { asList, idsOf, rejectMore, type Outbox } from './outbox.js'
import { deferred, groupByOutbox, type PendingEmit } from './pending-emit.js'
import type { PreparedEvent } from './prepare.js'
import { committedEarly, ended, explained, overlapping } from './transaction-errors.js'
import { UnbrokenProof } from './unbroken.js'

type AfterCommitHook = () => unknown

/**
 * What a wrapped transaction adds to an ORM's handle, written once for all ORMs: lazy emits, the flush before
 * COMMIT, first failure wins, afterCommit, savepoints.
 *
 * Life of a scope, driven by the adapter:
 *
 *     new ── emit()* ── beforeCommit() ──▶ the ORM commits ──▶ committed()
 *                            │ throws           │ fails
 *                            ▼                  ▼
 *                     the ORM rolls back ──▶ rolledBack()
 *
 * A savepoint is a scope with a parent; its hooks move to the parent when it is released.
 */
export class TransactionScope {
  readonly outbox: Outbox
  readonly executor: SqlExecutor
  readonly parent: TransactionScope | undefined
  #pending: PendingEmit[] = []
  #tail: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #hooks: AfterCommitHook[] = []
  #open = true
  readonly #openChildren = new Set<TransactionScope>()
  #ended = false
  /** See noteOverlap(). */
  #overlaps = false
  /** At least one INSERT of ours was sent. */
  #emitted = false
  /** The same, in nested transactions as well, whether they were rolled back or not. */
  #sent = false
  readonly #proof: UnbrokenProof

  constructor(outbox: Outbox, executor: SqlExecutor, parent?: TransactionScope) {
    this.outbox = outbox
    this.executor = executor
    this.parent = parent
    this.#proof = new UnbrokenProof(executor, this.#depth)
    if (parent !== undefined) parent.#openChildren.add(this)
  }

  /** False also for a savepoint whose outer transaction has ended: its connection may be somebody else's by now. */
  get isOpen(): boolean {
    return this.#open && this.parent?.isOpen !== false
  }

  /**
   * Takes the events at their present value. The INSERT goes out when the result is awaited, together with all
   * emits before it, or before COMMIT. `outbox`: other options than the transaction's own (function form).
   */
  emit(
    input: OutboxEvent | readonly OutboxEvent[],
    outbox: Outbox = this.outbox,
    more?: unknown,
  ): Promise<string | string[]> {
    try {
      this.#assertUsable()
    } catch (error) {
      // A real rejected promise: nobody will flush this scope any more, so an un-awaited call must be heard too.
      const failed = this.fail(error)
      return isOutboxError(error, 'OUTBOX_TRANSACTION_ENDED') ? Promise.reject(error) : failed
    }
    try {
      rejectMore(more)
      const prepared = outbox.prepare(asList(input))
      return this.#enqueue(outbox, prepared, idsOf(input, prepared))
    } catch (error) {
      return this.fail(error)
    }
  }

  /** Remembers the failure, so that the transaction fails, and hands it to whoever awaits. */
  fail(error: unknown): Promise<never> {
    this.#failure ??= { error }
    return new LazyPromise<never>(() => Promise.reject(error as Error))
  }

  /** Runs `hook` after the outermost commit, in order, awaited; never after a rollback. */
  afterCommit(hook: AfterCommitHook): void {
    if (typeof hook !== 'function')
      throw new OutboxError('OUTBOX_OPTION_INVALID', `afterCommit() takes a function, got ${typeof hook}.`)
    if (!this.isOpen) throw ended('afterCommit()')
    this.#assertNoOverlap()
    this.#hooks.push(hook)
  }

  /**
   * For ORMs that open savepoints of one transaction side by side under the same name: the rollback of one undoes
   * the other, which resolves all the same. Events or hooks in them fail the transaction around them.
   */
  noteOverlap(): void {
    if (this.#openChildren.size < 2) return
    for (const child of this.#openChildren) child.#overlaps = true
    if ([...this.#openChildren].some((child) => child.#used)) this.#failure ??= { error: overlapping() }
  }

  /** Before a savepoint: what was emitted outside of it must not be undone with it. Throws the first failure. */
  async beforeNested(): Promise<void> {
    if (!this.isOpen) throw ended('transaction()')
    await this.#flush()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /**
   * Before COMMIT or RELEASE: sends what nobody has awaited and throws the first failure, also one that the
   * caller has swallowed. After it no emit is taken.
   */
  async beforeCommit(): Promise<void> {
    let inserted = await this.#flushAll()
    this.#open = false
    // Once more: since the last INSERT another branch of the application may have emitted.
    if (await this.#flushAll()) inserted = true
    if (this.parent?.isOpen === false)
      this.#failure ??= { error: ended('The release of a nested transaction') }
    this.#assertChildrenEnded()
    if (this.#failure === undefined && this.#used) await this.#assertHealthy(inserted)
    if (this.#failure === undefined) return
    this.#rejectPending(this.#failure.error)
    throw this.#failure.error
  }

  /** After COMMIT: runs the hooks. After RELEASE: hands them to the parent. */
  async committed(): Promise<void> {
    if (!this.#end()) return
    const hooks = this.#hooks.splice(0)
    if (this.parent !== undefined) {
      this.parent.#hooks.push(...hooks)
      this.parent.#emitted ||= this.#emitted
      if (this.#emitted) await this.parent.#proveAgain()
      return
    }
    for (const hook of hooks) {
      try {
        await hook()
      } catch (error) {
        this.outbox.reportAfterCommitError(error)
      }
    }
  }

  /** Before ROLLBACK: the error to reject with. Another one where the events cannot be taken back any more. */
  errorOfRollback(error: unknown): unknown {
    const isLate = this.parent === undefined && this.#sent && this.executor.isCommitted?.() === true
    return isLate ? committedEarly(error) : error
  }

  /** After ROLLBACK, or ROLLBACK TO SAVEPOINT. Drops the hooks. */
  rolledBack(): void {
    if (!this.#end()) return
    this.#hooks = []
    this.#rejectPending(ended('emit()'))
  }

  /** False when the end was noted before. */
  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#open = false
    if (this.parent !== undefined) this.parent.#openChildren.delete(this)
    return true
  }

  #assertUsable(): void {
    if (!this.isOpen) throw ended('emit()')
    this.#assertNoOverlap()
    this.executor.assertOpen?.()
    if (this.#openChildren.size > 0)
      throw new OutboxError(
        'OUTBOX_NESTED_OPEN',
        'emit() was called on the outer transaction while a nested one (a savepoint) is open: a rollback of the nested one would undo it silently. Call emit() on the handle of the nested transaction.',
      )
  }

  #assertNoOverlap(): void {
    if (this.#overlaps && this.parent !== undefined) {
      const error = overlapping()
      this.parent.#failure ??= { error }
      throw error
    }
    if (this.parent !== undefined) this.parent.#assertNoOverlap()
  }

  #enqueue<R>(outbox: Outbox, events: readonly PreparedEvent[], result: R): Promise<R> {
    // Nothing pending: what is pending stands for a statement to come, which would show a failed transaction.
    if (events.length === 0) return Promise.resolve(result)
    const { promise, resolve, reject } = deferred()
    this.#pending.push({ outbox, events, settle: { resolve, reject } })
    return new LazyPromise(() => {
      void this.#flush()
      return promise.then(() => result)
    })
  }

  /** Sends what is pending, after what is being sent. Never rejects. */
  #flush(): Promise<void> {
    this.#tail = this.#tail.then(() => this.#insertPending())
    return this.#tail
  }

  /** Until nothing is left; true when the last statement of the transaction was an INSERT of ours. */
  async #flushAll(): Promise<boolean> {
    await this.#tail
    const inserted = this.#pending.length > 0
    while (this.#pending.length > 0) await this.#flush()
    return inserted
  }

  async #insertPending(): Promise<void> {
    const emits = this.#pending.splice(0)
    for (const group of groupByOutbox(emits)) {
      try {
        if (this.#failure !== undefined) throw this.#failure.error
        this.#assertSendable()
        if (this.executor.dialect === 'mysql') await this.#proof.beforeInsert()
        this.#noteSent()
        await group.outbox.insert(this.#guarded, group.events)
        for (const { settle } of group.emits) settle.resolve()
      } catch (thrown) {
        const error = explained(thrown)
        this.#failure ??= { error }
        for (const { settle } of group.emits) settle.reject(error)
      }
    }
  }

  /**
   * An emit can be several statements (locks, parts of a long INSERT). One that were sent after the rollback would
   * be executed in the outer transaction, or on its own: so each of them is checked.
   */
  get #guarded(): SqlExecutor {
    const { executor } = this
    return {
      dialect: executor.dialect,
      execute: async (statement) => {
        this.#assertSendable()
        return executor.execute(statement)
      },
    }
  }

  #assertSendable(): void {
    if (this.#ended || this.parent?.isOpen === false) throw ended('emit()')
    this.executor.assertOpen?.()
  }

  /** `inserted`: the last statement was an INSERT of ours, which an aborted transaction would have refused. */
  async #assertHealthy(inserted: boolean): Promise<void> {
    const { executor } = this
    try {
      // In a savepoint too: Knex hides that its RELEASE has failed.
      if (executor.dialect === 'mysql') return await this.#proof.beforeCommit()
      // RELEASE of a savepoint fails by itself in an aborted transaction.
      if (this.parent !== undefined) return
      // Behind our INSERT a branch of the application that nobody awaits may have failed.
      if (inserted && executor.isHealthy?.() !== false) return
      await assertCommittable(executor, this.#emitted)
    } catch (error) {
      this.#failure = { error }
    }
  }

  async #proveAgain(): Promise<void> {
    try {
      await this.#proof.afterNested()
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  #noteSent(): void {
    this.#emitted = true
    this.#outermost.#sent = true
  }

  get #outermost(): TransactionScope {
    return this.parent === undefined ? this : this.parent.#outermost
  }

  get #depth(): number {
    return this.parent === undefined ? 0 : this.parent.#depth + 1
  }

  /** COMMIT would end an open savepoint as well: its rows would stay, and its later events and hooks be lost. */
  #assertChildrenEnded(): void {
    if (![...this.#openChildren].some((child) => child.#used)) return
    const error = new OutboxError(
      'OUTBOX_NESTED_OPEN',
      'The transaction was to be committed while a nested one (a savepoint) with events was open. Await the nested transaction first.',
    )
    this.#failure ??= { error }
  }

  /** A rollback that nobody has noticed would lose something of ours. */
  get #used(): boolean {
    return (
      this.#emitted ||
      this.#hooks.length > 0 ||
      this.#pending.length > 0 ||
      [...this.#openChildren].some((child) => child.#used)
    )
  }

  #rejectPending(error: unknown): void {
    for (const { settle } of this.#pending.splice(0)) settle.reject(error)
  }
}

/**
 * Runs the body of a callback-style transaction inside `scope`: flushes before the ORM commits, notes a
 * failure. The adapter calls `scope.committed()` once the ORM has committed.
 */
export async function runInScope<R>(scope: TransactionScope, body: () => R | PromiseLike<R>): Promise<R> {
  try {
    const { ambient } = scope.outbox
    const result = await (ambient === undefined ? body() : ambient.run(scope, async () => body()))
    await scope.beforeCommit()
    return result
  } catch (error) {
    const reported = scope.errorOfRollback(error)
    scope.rolledBack()
    throw reported
  }
}
