import { OutboxError } from '@outboxkit/core'

/** Takes every secret of a connection out of a text. */
export function redactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  // Shorter ones stand in the middle of words; the relay leaves them alone as well.
  const known = secrets.filter((secret): secret is string => secret !== undefined && secret.length > 3)
  const forms = known.flatMap((secret) => [secret, encodeURIComponent(secret)])
  return (text) => forms.reduce((redacted, form) => redacted.replaceAll(form, '***'), text)
}

const refusals: ReadonlySet<unknown> = new Set([
  // wrong password; no such user, or not from here; no such database
  '28P01',
  '28000',
  '3D000',
  'ER_ACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
])

/** The server has answered, and said no: by the code of its error. */
export function isRefusal(code: unknown): boolean {
  return refusals.has(code)
}

/** Why there is no connection to `name`. */
export function connectFailure(name: string, error: unknown, redact: (text: string) => string): OutboxError {
  const { code } = error as { code?: unknown }
  return databaseFailure(
    `${name} ${isRefusal(code) ? 'refuses the login' : 'cannot be reached'}`,
    error,
    redact,
  )
}

/** A driver's error as ours: its message without secrets, its code for programs. The cause is not kept: it may hold values. */
export function databaseFailure(what: string, error: unknown, redact: (text: string) => string): OutboxError {
  const { message, code, errno } = error as { message?: string; code?: string; errno?: number }
  // Node's AggregateError of several addresses has no message of its own.
  const text = message || code || (error instanceof AggregateError ? String(error.errors[0]) : String(error))
  return new OutboxError('OUTBOX_DATABASE_FAILED', `${what}: ${redact(text)}`, {
    details: { ...(code === undefined ? {} : { code }), ...(errno === undefined ? {} : { errno }) },
  })
}
