import { OutboxError } from '@outboxkit/core'

/** Takes every secret of a connection out of a text. */
export function redactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  // Shorter ones stand in the middle of words; the relay leaves them alone as well.
  const known = secrets.filter((secret): secret is string => secret !== undefined && secret.length > 3)
  const forms = known.flatMap((secret) => [secret, encodeURIComponent(secret)])
  return (text) => forms.reduce((redacted, form) => redacted.replaceAll(form, '***'), text)
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
