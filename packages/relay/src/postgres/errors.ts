import type { OutboxError } from '@outboxkit/core'
import type pg from 'pg'
import { codeOf, Redactor, secretsOfUrl, sourceFailure } from '../redact.js'

/** Knows the password of a configuration. */
export function redactorOf({ password, connectionString }: pg.ClientConfig): Redactor {
  return new Redactor([
    ...(typeof password === 'string' ? [password] : []),
    ...secretsOfUrl(connectionString ?? ''),
  ])
}

/** An `OUTBOX_SOURCE_FAILED` for what `pg` has thrown; see {@link sourceFailure}. */
export function failed(what: string, error: unknown, redactor: Redactor): OutboxError {
  const code = codeOf(error)
  const details = code === undefined ? {} : isFromServer(error) ? { sqlState: code } : { code }
  return sourceFailure(what, error, redactor, { details, hint: hint(code) })
}

/** True for an error that the server has sent and after which the session goes on. */
export function isReported(error: unknown): boolean {
  // shutdown by an administrator or a crash; connection exceptions. The severity itself may be in any language.
  return isFromServer(error) && !/^(57P0|08)/.test(codeOf(error) ?? '')
}

function isFromServer(error: unknown): boolean {
  return typeof (error as { severity?: unknown }).severity === 'string' && codeOf(error) !== undefined
}

const hints: Readonly<Record<string, string>> = {
  '42P01':
    '. Was the table dropped or renamed? Create it again with a migration (outboxkit generate, or the SQL of createTablesSql()).',
  '42703': '. The tables are not those that this relay needs; outboxkit doctor says in what they differ.',
  '42501':
    '. The role of the relay lacks a privilege, or a row-level policy applies to it (use a role with BYPASSRLS).',
  '57014': '. The statement took longer than statementTimeoutMs.',
}

function hint(code: string | undefined): string {
  return (code === undefined ? undefined : hints[code]) ?? ''
}
