import { OutboxError } from '@outboxkit/core'
import type pg from 'pg'

const hidden = '***'

/** Removes a password from texts. */
export class Redactor {
  readonly #secrets: readonly string[]

  constructor(config: pg.ClientConfig) {
    const found = new Set<string>()
    if (typeof config.password === 'string') found.add(config.password)
    for (const secret of secretsOf(config.connectionString ?? '')) found.add(secret)
    // A short one would mangle every message, and stands in none.
    this.#secrets = [...found].filter((secret) => secret.length > 3)
  }

  text(text: string): string {
    let clean = text.replaceAll(/\/\/[^\s@/]*@/g, `//${hidden}@`)
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, hidden)
    return clean
  }
}

/** The password in a URL, as written and decoded. */
function secretsOf(url: string): string[] {
  const written = /^[a-z]+:\/\/[^:@/]*:(.*)@/i.exec(url)?.[1] ?? /[?&]password=([^&]*)/.exec(url)?.[1]
  if (written === undefined) return []
  try {
    return [written, decodeURIComponent(written)]
  } catch {
    return [written]
  }
}

/**
 * An `OUTBOX_SOURCE_FAILED` for what a driver has thrown. Neither its message nor its cause can hold the
 * password: the cause is a copy of message, code and stack, not the driver's object.
 */
export function failed(what: string, error: unknown, redactor: Redactor): OutboxError {
  const code = codeOf(error)
  const message = redactor.text(messageOf(error))
  const cause = Object.assign(new Error(message), { code })
  if (error instanceof Error) {
    cause.name = error.name
    cause.stack = redactor.text(error.stack ?? '')
  }
  return new OutboxError('OUTBOX_SOURCE_FAILED', `${what}: ${message}${hint(code)}`, {
    details: code === undefined ? {} : isFromServer(error) ? { sqlState: code } : { code },
    cause,
  })
}

/** True for an error that the server has sent and after which the session goes on. */
export function isReported(error: unknown): boolean {
  // shutdown by an administrator or a crash; connection exceptions. The severity itself may be in any language.
  return isFromServer(error) && !/^(57P0|08)/.test(codeOf(error) ?? '')
}

function isFromServer(error: unknown): boolean {
  return typeof (error as { severity?: unknown }).severity === 'string' && codeOf(error) !== undefined
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // several addresses tried: the errors are inside and the message is empty
  const inner = (error as { errors?: unknown }).errors
  if (error.message === '' && Array.isArray(inner)) return inner.map(messageOf).join('; ')
  return error.message === '' ? (codeOf(error) ?? error.name) : error.message
}

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

const hints: Readonly<Record<string, string>> = {
  '42P01': '. Was the table dropped or renamed? Create it again with the SQL of createTablesSql().',
  '42501':
    '. The role of the relay lacks a privilege, or a row-level policy applies to it (use a role with BYPASSRLS).',
  '57014': '. The statement took longer than statementTimeoutMs.',
}

function hint(code: string | undefined): string {
  return (code === undefined ? undefined : hints[code]) ?? ''
}
