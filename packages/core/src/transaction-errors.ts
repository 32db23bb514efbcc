import { OutboxError } from './errors.js'

// SQLSTATEs, and their texts where an ORM keeps no code: aborted transaction, missing table, missing right.
const aborted = /25P02|current transaction is aborted/
const missing = /42P01|relation "[^"]*" does not exist|er_no_such_table/i
const division = /22012|division by zero/
const forbidden = /42501|permission denied for/
const duplicate = /23505|duplicate key value|er_dup_entry/i

/** Says what to do about the failures of our INSERT that have a known cure; every other error is the ORM's own. */
export function explained(error: unknown): unknown {
  if (says(error, aborted))
    return new OutboxError(
      'OUTBOX_TRANSACTION_ABORTED',
      'A statement of this transaction had failed and its error was caught, so PostgreSQL would answer COMMIT with a rollback and the events would be lost. Let the error end the transaction, or run the statement in a nested transaction (a savepoint).',
      { cause: error },
    )
  if (says(error, missing))
    return new OutboxError(
      'OUTBOX_INSERT_FAILED',
      'The outbox table is not there. Create it with the statements of createTablesSql(), or name its schema with the option table: { schema, name }.',
      { cause: error },
    )
  // Our INSERT has no other unique value than the id; the position is the database's.
  if (says(error, duplicate))
    return new OutboxError(
      'OUTBOX_DUPLICATE_ID',
      "An event with this id is in the outbox already. Give the event another id, or ignore duplicates with the option onDuplicate: 'ignore'.",
      { cause: error },
    )
  if (says(error, forbidden))
    return new OutboxError(
      'OUTBOX_INSERT_FAILED',
      "The application's role may not write to the outbox table: GRANT INSERT on it, and USAGE on its schema.",
      { cause: error },
    )
  return error
}

/** Looks at the code and the message of an error and of its causes; ORMs wrap the driver's error. */
function says(error: unknown, pattern: RegExp, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown }
  return pattern.test(String(code)) || pattern.test(String(message)) || says(cause, pattern, depth + 1)
}

export function ended(call: string): OutboxError {
  return new OutboxError(
    'OUTBOX_TRANSACTION_ENDED',
    `${call} was called after its transaction had ended. Await it inside the transaction's callback.`,
  )
}

/** How the question for the transaction's id fails when there is none. */
export function isDivision(error: unknown): boolean {
  return says(error, division)
}

export function endedByHand(cause: unknown): OutboxError {
  return new OutboxError(
    'OUTBOX_TRANSACTION_ENDED',
    'The transaction was ended by a statement of its own (ROLLBACK or COMMIT), not by its callback, and events may be lost.',
    { cause },
  )
}

export function overlapping(): OutboxError {
  return new OutboxError(
    'OUTBOX_NESTED_OPEN',
    'Two nested transactions (savepoints) of one transaction were open at the same time and have events: a rollback of one would undo the other silently. Await one before you open the next.',
  )
}
