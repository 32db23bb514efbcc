import { OutboxError } from './errors.js'

/** Says why a transaction that was aborted before takes no statement any more; every other error is the ORM's own. */
export function explained(error: unknown): unknown {
  if (!isAborted(error)) return error
  return new OutboxError(
    'OUTBOX_TRANSACTION_ABORTED',
    'A statement of this transaction had failed and its error was caught, so PostgreSQL would answer COMMIT with a rollback and the events would be lost. Let the error end the transaction, or run the statement in a nested transaction (a savepoint).',
    { cause: error },
  )
}

/** PostgreSQL's SQLSTATE 25P02, wherever the ORM keeps it. */
function isAborted(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown }
  return (
    code === '25P02' ||
    /25P02|current transaction is aborted/.test(String(message)) ||
    isAborted(cause, depth + 1)
  )
}

export function ended(call: string): OutboxError {
  return new OutboxError(
    'OUTBOX_TRANSACTION_ENDED',
    `${call} was called after its transaction had ended. Await it inside the transaction's callback.`,
  )
}
