import { OutboxError } from './errors.js'

// PostgreSQL: SQLSTATEs, and their texts where an ORM keeps no code.
const aborted = /25P02|current transaction is aborted/
const missing = /42P01|relation "[^"]*" does not exist/
const division = /22012|division by zero/
const forbidden = /42501|permission denied for/
const duplicate = /23505|duplicate key value/
// MySQL and MariaDB: numbers, because drivers know the names of one of the two only; and texts.
const mysql = {
  missing: [[1146, 1049], /table '[^']*' doesn't exist|unknown database '/i],
  forbidden: [[1142, 1044, 1045, 1143, 1370], /command denied to user|access denied for user/i],
  duplicate: [[1062, 1586], /duplicate entry '/i],
  tooLarge: [[1153], /bigger than 'max_allowed_packet'|packet (?:is )?too large/i],
  tooLong: [[1406, 1366], /data too long for column|incorrect string value/i],
  noSavepoint: [[1305], /savepoint \S+ does not exist/i],
} as const satisfies Record<string, readonly [readonly number[], RegExp]>

const disconnected = /EPIPE|ECONNRESET|PROTOCOL_CONNECTION_LOST|connection lost|socket has unexpectedly/i
const large = 1_000_000
const tooLargeHelp =
  "The server's max_allowed_packet bounds a statement, in which quotes and backslashes of a payload count twice, and so do bytes and text that is not ASCII. Raise it, or store the content elsewhere and emit a reference."

/** Says what to do about the failures of our INSERT that have a known cure; every other error is the ORM's own. */
export function explained(error: unknown): unknown {
  if (is(error, 'noSavepoint'))
    return broken('it was rolled back by the server, or ended by a statement', error)
  if (says(error, aborted))
    return new OutboxError(
      'OUTBOX_TRANSACTION_ABORTED',
      'A statement of this transaction had failed and its error was caught, so PostgreSQL would answer COMMIT with a rollback and the events would be lost. Let the error end the transaction, or run the statement in a nested transaction (a savepoint).',
      { cause: error },
    )
  if (says(error, missing) || is(error, 'missing'))
    return failedInsert(
      error,
      'The outbox table is not there. Create it with a migration (outboxkit generate, or the statements of createTablesSql()), or say where it is with the option table: { schema, name }.',
    )
  // Our INSERT has no other unique value than the id; the position is the database's.
  if (says(error, duplicate) || is(error, 'duplicate'))
    return new OutboxError(
      'OUTBOX_DUPLICATE_ID',
      "An event with this id is in the outbox already. Give the event another id, or ignore duplicates with the option onDuplicate: 'ignore'.",
      { cause: error },
    )
  if (says(error, forbidden) || is(error, 'forbidden'))
    return failedInsert(
      error,
      "The application's role may not write to the outbox table: GRANT INSERT on it, and on PostgreSQL USAGE on its schema.",
    )
  if (is(error, 'tooLarge'))
    return failedInsert(
      error,
      `The event is larger than the server takes, which has closed the connection. ${tooLargeHelp}`,
    )
  if (is(error, 'tooLong'))
    return failedInsert(
      error,
      'A column of the outbox table is too small for the event, or has another character set than utf8mb4. Compare the table with createTablesSql(), or let outboxkit doctor do so.',
    )
  return error
}

/** While it still receives what it has refused, the server closes the connection: that may be all that is heard. */
export function explainedLargeInsert(error: unknown, characters: number): unknown {
  if (characters < large || !says(error, disconnected)) return error
  return failedInsert(
    error,
    `The connection broke while an INSERT of ${characters} characters was sent. ${tooLargeHelp}`,
  )
}

function failedInsert(cause: unknown, message: string): OutboxError {
  return new OutboxError('OUTBOX_INSERT_FAILED', message, { cause })
}

/** Looks at the code and the message of an error and of its causes; ORMs wrap the driver's error. */
function says(error: unknown, pattern: RegExp, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown }
  return pattern.test(String(code)) || pattern.test(String(message)) || says(cause, pattern, depth + 1)
}

/** The error of MySQL or MariaDB inside an error; the first number found decides. */
function is(error: unknown, kind: keyof typeof mysql): boolean {
  const [numbers, text] = mysql[kind]
  const number = errnoOf(error)
  return number === undefined ? says(error, text) : (numbers as readonly number[]).includes(number)
}

/** The server's number of an error, wherever an ORM has put it. */
export function errnoOf(error: unknown, depth = 0): number | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined
  const { errno, originalCode, cause, meta } = error as Record<string, unknown>
  // Errors of the network have a negative one.
  if (typeof errno === 'number' && errno > 0) return errno
  // Prisma's driver adapters have it as text, and an error of raw SQL has theirs in `meta`.
  if (typeof originalCode === 'string' && /^\d+$/.test(originalCode)) return Number(originalCode)
  const wrapped = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError
  return errnoOf(cause, depth + 1) ?? errnoOf(wrapped, depth + 1)
}

/** MySQL and MariaDB: what had been written before is gone, or committed already. */
export function broken(how: string, cause?: unknown): OutboxError {
  return new OutboxError(
    'OUTBOX_TRANSACTION_ABORTED',
    `The transaction is not the one that was opened any more: ${how}. What it had written before is rolled back, or committed already, and what follows would be committed on its own. Let a failed statement end the transaction; run DDL and statements that control transactions outside of it.`,
    cause === undefined ? {} : { cause },
  )
}

/** MySQL and MariaDB: the events of a transaction that was to be rolled back are out. */
export function committedEarly(cause: unknown): OutboxError {
  return new OutboxError(
    'OUTBOX_TRANSACTION_ENDED',
    'The transaction was rolled back, but a statement in it (DDL, COMMIT or BEGIN) had committed what it had written before, its events included: they will be sent. Run such statements outside of transactions.',
    { cause },
  )
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
