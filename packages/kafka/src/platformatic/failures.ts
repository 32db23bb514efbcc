import { verdictOf, type ErrorVerdict } from '../errors.js'

/** A failure of @platformatic/kafka in our words. `code`: Kafka's error name, or one of ours. */
export interface Failure {
  readonly verdict: Exclude<ErrorVerdict, 'written'>
  readonly code: string
  readonly message: string
}

interface PlatformaticError {
  readonly code?: unknown
  readonly apiCode?: unknown
  readonly serverErrorMessage?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

const codes: Readonly<Record<string, string>> = {
  PLT_KFK_AUTHENTICATION: 'SASL_AUTHENTICATION_FAILED',
  PLT_KFK_NETWORK: 'CONNECTION_FAILED',
  PLT_KFK_UNSUPPORTED_API: 'UNSUPPORTED_VERSION',
}

/** What an error thrown by @platformatic/kafka proves about a request. Whatever proves nothing is `unknown`. */
export function failureOf(error: unknown, redact: (text: string) => string): Failure {
  const chain = chainOf(error)
  const answered = chain.find(({ apiCode }) => typeof apiCode === 'number')
  const said = answered?.serverErrorMessage ?? chain.findLast(({ message }) => isText(message))?.message
  const message = redact(isText(said) ? said : String(error)).replace(/\.+$/, '')
  // The broker's word for it goes before the words of the client around it.
  if (typeof answered?.apiCode === 'number') {
    const { name, verdict } = verdictOf(answered.apiCode)
    return { verdict: verdict === 'written' ? 'unknown' : verdict, code: name, message }
  }
  const named = chain.map(({ code }) => codes[String(code)]).find((code) => code !== undefined)
  return { verdict: 'unknown', code: named ?? 'CLIENT_ERROR', message }
}

/** The error and what it wraps, outermost first: the first of several errors, or the cause. */
function chainOf(error: unknown): readonly PlatformaticError[] {
  const chain: PlatformaticError[] = []
  let current = error
  while (typeof current === 'object' && current !== null && chain.length < 10) {
    const inner: PlatformaticError = current
    chain.push(inner)
    current = Array.isArray(inner.errors) && inner.errors.length > 0 ? inner.errors[0] : inner.cause
  }
  return chain
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
