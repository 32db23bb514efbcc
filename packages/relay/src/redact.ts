import { OutboxError } from '@outboxkit/core'

const hidden = '***'

/** Removes secrets from texts: those given, and whatever stands before the host in a URL. */
export class Redactor {
  readonly #secrets: readonly string[]

  constructor(secrets: readonly (string | undefined)[]) {
    // A short one would mangle every message, and stands in none.
    this.#secrets = [...new Set(secrets.filter((secret) => secret !== undefined))].filter(
      (secret) => secret.length > 3,
    )
  }

  text(text: string): string {
    let clean = text.replaceAll(/\/\/[^\s@/]*@/g, `//${hidden}@`)
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, hidden)
    return clean
  }
}

/** The password in a URL, as written and decoded. */
export function secretsOfUrl(url: string): string[] {
  const written = /^[a-z]+:\/\/[^:@/]*:(.*)@/i.exec(url)?.[1] ?? /[?&]password=([^&]*)/.exec(url)?.[1]
  if (written === undefined) return []
  try {
    return [written, decodeURIComponent(written)]
  } catch {
    return [written]
  }
}

/**
 * An `OUTBOX_SOURCE_FAILED` for what a driver has thrown. Neither its message nor its cause can hold a secret:
 * the cause is a copy of message, code and stack, not the driver's object.
 */
export function sourceFailure(
  what: string,
  error: unknown,
  redactor: Redactor,
  { details, hint }: { readonly details: Readonly<Record<string, string | number>>; readonly hint: string },
): OutboxError {
  const message = redactor.text(messageOf(error))
  const cause = Object.assign(new Error(message), { code: codeOf(error) })
  if (error instanceof Error) {
    cause.name = error.name
    cause.stack = redactor.text(error.stack ?? '')
  }
  return new OutboxError('OUTBOX_SOURCE_FAILED', `${what}: ${message}${hint}`, { details, cause })
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // several addresses tried: the errors are inside and the message is empty
  const inner = (error as { errors?: unknown }).errors
  if (error.message === '' && Array.isArray(inner)) return inner.map(messageOf).join('; ')
  return error.message === '' ? (codeOf(error) ?? error.name) : error.message
}

export function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
