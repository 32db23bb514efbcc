import { OutboxError, questionPlaceholder, renderStatement, type SqlExecutor } from '@outboxkit/core'
import { dialectOf, type KnexClient, type KnexTransactor } from './client.js'

/** What becomes known of a transaction while Knex opens it. */
export interface Opened {
  trx?: KnexTransactor
  connection?: unknown
}

/**
 * Carries statements into a transaction. Its handle may come later than the executor, but before the first
 * statement. Throws `OUTBOX_HANDLE_UNSUPPORTED`.
 */
export function executorOf(client: KnexClient, opened: Opened): SqlExecutor {
  const live = (): KnexTransactor => {
    if (opened.trx?.isCompleted() === false && statusOf(opened.connection) !== 'I') return opened.trx
    throw new OutboxError(
      'OUTBOX_TRANSACTION_ENDED',
      'emit() was called after its transaction had ended. Await it before the callback returns, or before trx.commit().',
    )
  }
  return {
    dialect: dialectOf(client),
    async execute({ strings, values }) {
      // raw() takes a question mark for a placeholder also inside a quoted name.
      const escaped = strings.map((text) => text.replaceAll('?', '\\?'))
      // raw() is the way past wrapIdentifier, which would rename our columns.
      await live().raw(renderStatement({ strings: escaped, values }, questionPlaceholder), values)
    },
    assertOpen: () => void live(),
    isHealthy: () => statusOf(opened.connection) === 'T',
  }
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
