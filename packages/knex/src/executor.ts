import {
  ConnectionWatch,
  inlineStatement,
  mysql2Members,
  OutboxError,
  questionPlaceholder,
  renderStatement,
  type SqlExecutor,
  type SqlStatement,
  type WatchedTransaction,
} from '@outboxkit/core'
import { dialectOf, type KnexClient, type KnexTransactor } from './client.js'

/** What becomes known of a transaction while Knex opens it. */
export interface Opened {
  trx?: KnexTransactor
  connection?: unknown
  /** MySQL and MariaDB. */
  watched?: WatchedTransaction | undefined
}

/**
 * Carries statements into a transaction. Its handle may come later than the executor, but before the first
 * statement. `outer`: of the transaction that this one is nested in. Throws `OUTBOX_HANDLE_UNSUPPORTED`.
 */
export function executorOf(client: KnexClient, opened: Opened, outer?: SqlExecutor): SqlExecutor {
  const live = (): KnexTransactor => {
    if (opened.trx?.isCompleted() === false && statusOf(opened.connection) !== 'I') return opened.trx
    throw new OutboxError(
      'OUTBOX_TRANSACTION_ENDED',
      'emit() was called after its transaction had ended. Await it before the callback returns, or before trx.commit().',
    )
  }
  const dialect = dialectOf(client)
  const execute = async (statement: SqlStatement): Promise<unknown> => {
    const [sql, bindings] = render(statement, dialect === 'mysql')
    // raw() is the way past wrapIdentifier, which would rename our columns.
    return await (bindings === undefined ? live().raw(sql) : live().raw(sql, bindings))
  }
  if (dialect === 'postgres')
    return {
      dialect,
      execute,
      assertOpen: () => void live(),
      isHealthy: () => statusOf(opened.connection) === 'T',
    }
  const members = mysql2Members(() => opened.watched, execute)
  return {
    dialect,
    execute,
    ...members,
    assertOpen() {
      live()
      ;(outer ?? members).assertOpen?.()
    },
    // On the connection there is one transaction, which is the outermost.
    ...(outer === undefined ? {} : { assertUnbroken: () => outer.assertUnbroken?.() }),
  }
}

/**
 * The same for a transaction that was opened past the wrapper. Its connection becomes known with the first
 * statement.
 */
export function foreignExecutorOf(trx: KnexTransactor): SqlExecutor {
  const opened: Opened = foreign.get(trx) ?? { trx }
  foreign.set(trx, opened)
  const executor = executorOf(trx.client, opened)
  if (executor.dialect === 'postgres') return executor
  return {
    ...executor,
    async assertUnbroken() {
      if (opened.watched !== undefined) return executor.assertUnbroken?.()
      const watch = ConnectionWatch.of(await trx.client.acquireConnection?.())
      if (watch === undefined) return undefined
      opened.watched = { watch, epoch: undefined }
      await executor.assertUnbroken?.()
      opened.watched = { watch, epoch: watch.epoch }
      return true
    },
  }
}

const foreign = new WeakMap<KnexTransactor, Opened>()

function render(
  statement: SqlStatement,
  isMysql: boolean,
): [sql: string, bindings: readonly (string | null)[] | undefined] {
  const { strings, values } = statement
  // raw() takes a question mark for a placeholder also inside a quoted name.
  const escape = (text: string): string => text.replaceAll('?', '\\?')
  if (isMysql && strings.some((text) => text.includes('?'))) return [inlineStatement(statement), undefined]
  return [renderStatement({ strings: strings.map(escape), values }, questionPlaceholder), values]
}

/**
 * What the server has said last: I (outside a transaction), T (inside), E (inside, failed). Newer versions of `pg`
 * tell; Knex' `query-error` events are no substitute, because streams and queries on the raw connection do not
 * cause them.
 */
function statusOf(connection: unknown): string | undefined {
  const pg = (connection ?? {}) as { getTransactionStatus?: () => string | null; readyForQuery?: boolean }
  // An error is handed out before the server's new status has arrived: only an idle connection can be believed.
  return pg.readyForQuery === true ? (pg.getTransactionStatus?.() ?? undefined) : undefined
}
