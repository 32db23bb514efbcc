import { callbackify } from 'node:util'
import { ConnectionWatch, type TransactionScope } from '@outboxkit/core'
import type { KnexTransaction } from './client.js'
import type { Opened } from './executor.js'

type EndMethod = (connection: unknown, value?: unknown) => Promise<unknown>

/**
 * Ties a scope to the life of Knex' transaction. In every form `trx.commit` and `trx.rollback` end up in these
 * methods; the callback form calls them by itself.
 */
export function followLife(unit: KnexTransaction, scope: TransactionScope, opened: Opened): void {
  const [savepoint, commit, release, rollback, rollbackTo] = (
    ['savepoint', 'commit', 'release', 'rollback', 'rollbackTo'] as const
  ).map((method): EndMethod => unit[method].bind(unit)) as [
    EndMethod,
    EndMethod,
    EndMethod,
    EndMethod,
    EndMethod,
  ]
  /** Why it is rolled back. Knex reports a ROLLBACK that fails on a broken connection instead. */
  let reason: unknown
  /** Knex calls the container all the same; whatever fails there follows from that, and is not the reason. */
  let notBegun = false
  const outcome = settleScope(unit, scope, () => reason)
  let committing: Promise<unknown> | undefined

  const flushAndFinish = async (finish: EndMethod, undo: EndMethod, value: unknown): Promise<unknown> => {
    try {
      await scope.beforeCommit()
    } catch (error) {
      reason ??= error
      // In the promise form nobody else would: the connection would stay in its transaction, with its row locks.
      await undo(opened.connection, error)
      throw error
    }
    const answer = await finish(opened.connection, value)
    // Knex resolves commit() also when COMMIT has failed. And hooks are awaited.
    await outcome
    return answer
  }
  const finishing =
    (finish: EndMethod, undo: EndMethod): EndMethod =>
    (connection, value) => {
      // Knex has its own answer to a second end.
      if (unit.isCompleted()) return finish(connection, value)
      opened.connection = connection
      committing ??= flushAndFinish(finish, undo, value)
      // A failure is the outcome of the transaction too, which is where an un-awaited commit is heard.
      committing.catch(() => {})
      return committing
    }
  const undoing =
    (undo: EndMethod): EndMethod =>
    async (connection, error) => {
      // Whichever came first wins, as in Knex.
      if (committing !== undefined && !unit.isCompleted()) await committing.catch(() => {})
      try {
        if (!notBegun) reason ??= scope.errorOfRollback(error)
        return await undo(connection, reason ?? error)
      } finally {
        scope.rolledBack()
      }
    }

  const begin = unit.begin.bind(unit)
  unit.begin = async (connection) => {
    opened.connection = connection
    const watch = ConnectionWatch.of(connection)
    const answer = await begin(connection)
    notBegun = unit.isCompleted()
    if (watch !== undefined) opened.watched = { watch, epoch: watch.epoch }
    return answer
  }
  unit.savepoint = async (connection) => {
    opened.connection = connection
    const watch = ConnectionWatch.of(connection)
    if (watch !== undefined) opened.watched = { watch, epoch: undefined }
    await scope.parent?.beforeNested()
    return savepoint(connection)
  }
  unit.commit = finishing(commit, rollback)
  unit.release = finishing(release, rollbackTo)
  unit.rollback = undoing(rollback)
  unit.rollbackTo = undoing(rollbackTo)
}

/** Ends the scope with the transaction, which settles only after the hooks; the connection is free by then. */
function settleScope(
  unit: KnexTransaction,
  scope: TransactionScope,
  reason: () => unknown,
): Promise<unknown> {
  const outcome = Promise.resolve(unit).then(
    async (value) => {
      // Does nothing after a rollback: Knex resolves then as well when rollback() was given no error.
      await scope.committed()
      return value
    },
    (error: unknown) => {
      scope.rolledBack()
      throw reason() ?? error
    },
  )
  // oxlint-disable-next-line unicorn/no-thenable -- Knex' transaction is one
  unit.then = outcome.then.bind(outcome)
  unit.catch = outcome.catch.bind(outcome)
  unit.finally = outcome.finally.bind(outcome)
  unit.asCallback = (callback) => {
    callbackify(() => outcome)(callback)
    return outcome
  }
  return outcome
}
