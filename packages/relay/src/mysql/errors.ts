import type { OutboxError } from '@outboxkit/core'
import type { ConnectionOptions } from 'mysql2/promise'
import { codeOf, Redactor, secretsOfUrl, sourceFailure } from '../redact.js'

/** Numbers of the server's errors. `code` is not looked at: the driver names those of MariaDB wrongly. */
export const errno = {
  databaseDenied: 1044,
  loginDenied: 1045,
  noDatabaseSelected: 1046,
  noDatabase: 1049,
  noTable: 1146,
  noColumn: 1054,
  tableDenied: 1142,
  columnDenied: 1143,
  accessNeeded: 1227,
  readOnly: 1290,
  readOnlyTransaction: 1792,
  lockTimeout: 1205,
  deadlock: 1213,
  packetTooLarge: 1153,
  statementTimeout: 3024,
  statementTimeoutMariaDb: 1969,
  interrupted: 1317,
} as const

/** Knows the password of a configuration. */
export function redactorOf({ password, uri }: ConnectionOptions): Redactor {
  return new Redactor([password, ...secretsOfUrl(uri ?? '')])
}

/** An `OUTBOX_SOURCE_FAILED` for what `mysql2` has thrown; see {@link sourceFailure}. */
export function failed(what: string, error: unknown, redactor: Redactor): OutboxError {
  const number = errnoOf(error)
  const code = codeOf(error)
  return sourceFailure(what, error, redactor, {
    details:
      isFromServer(error) && number !== undefined ? { errno: number } : code === undefined ? {} : { code },
    hint: (number === undefined ? undefined : hints[number]) ?? '',
  })
}

/** True for an error that the server has sent and after which the session goes on. */
export function isReported(error: unknown): boolean {
  return isFromServer(error) && !endings.has(errnoOf(error) ?? 0)
}

/** The server's error number, or the operating system's, which is negative. */
export function errnoOf(error: unknown): number | undefined {
  const { errno: number } = error as { errno?: unknown }
  return typeof number === 'number' ? number : undefined
}

function isFromServer(error: unknown): boolean {
  const { sqlState } = error as { sqlState?: unknown }
  const number = errnoOf(error)
  return number !== undefined && number >= 1_000 && typeof sqlState === 'string' && !sqlState.startsWith('08')
}

/** After these the server has closed the connection, or is about to, whatever the driver's `fatal` says. */
const endings: ReadonlySet<number> = new Set([
  1040, // too many connections
  1043, // bad handshake
  1053, // shutdown in progress
  1077, // normal shutdown
  1152, // aborted connection
  errno.packetTooLarge,
  1158, // network
  1159,
  1160,
  1161,
  1184, // aborted connection
  1927, // connection was killed (MariaDB)
  3032, // server in offline mode
  3169, // session was killed
  4031, // idle for too long (MySQL 8.0.24)
])

const hints: Readonly<Record<number, string>> = {
  [errno.databaseDenied]: '. The account has no rights on that database: grant them, or name another one.',
  [errno.loginDenied]: '. Is the password right, and may the account log in from this host?',
  [errno.noDatabaseSelected]:
    '. The URL names no database: write mysql://…/DATABASE, or set table: { schema }.',
  [errno.noDatabase]: '. Is the database in the URL, or in table: { schema }, right?',
  [errno.noTable]:
    '. Was the table dropped or renamed? Create it again with a migration (outboxkit generate, or the SQL of createTablesSql()).',
  [errno.noColumn]:
    '. The tables are not those that this relay needs; outboxkit doctor says in what they differ.',
  [errno.tableDenied]: '. The account of the relay lacks a privilege.',
  [errno.columnDenied]: '. The account of the relay lacks a privilege.',
  [errno.packetTooLarge]:
    '. A row or a statement is larger than max_allowed_packet of the server: raise it to what the applications use.',
  [errno.statementTimeout]: '. The statement took longer than statementTimeoutMs.',
  [errno.statementTimeoutMariaDb]: '. The statement took longer than statementTimeoutMs.',
  [errno.lockTimeout]:
    '. A lock was held for longer than statementTimeoutMs, by a lock on the table or by somebody who changes its rows.',
}
