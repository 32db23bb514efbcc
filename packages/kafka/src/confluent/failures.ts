import { verdictOf, type ErrorVerdict } from '../errors.js'
import type { NativeError } from './native.js'

/** A failure of librdkafka in our words. `code`: Kafka's error name, or one of ours. */
export interface Failure {
  readonly verdict: Exclude<ErrorVerdict, 'written'>
  readonly code: string
  readonly message: string
}

/** Errors of librdkafka itself that say something. With any other nobody knows what became of a message. */
const local: Readonly<Record<number, readonly [code: string, verdict: Failure['verdict']]>> = {
  [-195]: ['CONNECTION_CLOSED', 'unknown'],
  [-193]: ['HOST_NOT_FOUND', 'unknown'],
  [-192]: ['REQUEST_TIMED_OUT', 'unknown'],
  [-190]: ['UNKNOWN_TOPIC_OR_PARTITION', 'failed'],
  [-188]: ['UNKNOWN_TOPIC_OR_PARTITION', 'failed'],
  [-187]: ['NO_BROKER', 'unknown'],
  [-185]: ['REQUEST_TIMED_OUT', 'unknown'],
  [-181]: ['TLS_FAILED', 'unknown'],
  [-169]: ['SASL_AUTHENTICATION_FAILED', 'unknown'],
}

/** Events about connections come without a number: the text, in lower case, behind 'Local: '. */
const said: readonly (readonly [text: string, code: number])[] = [
  ['authentication failure', -169],
  ['ssl error', -181],
  ['host resolution failure', -193],
  ['all broker connections are down', -187],
  ['broker transport failure', -195],
]

/** With these a connection cannot come about, however often it is tried with the same settings. */
const hopeless = new Set<unknown>([-181, -169])

/** An error about connections, with its number. `reason`: what librdkafka logged last, which says more. */
export function connectionError(event: NativeError, reason: string | undefined): NativeError {
  const text = String(event.message).toLowerCase()
  const code = said.find(([part]) => text.includes(part))?.[1] ?? event.code
  return { code, message: reason ?? event.message }
}

/** What an error of librdkafka proves about the message that it was reported for. */
export function failureOf(error: unknown, redact: (text: string) => string): Failure {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as NativeError
  const raw = redact(typeof message === 'string' && message !== '' ? message : String(error))
  const text = raw.replace(/\.+$/, '')
  if (typeof code !== 'number') return { verdict: 'unknown', code: 'CLIENT_ERROR', message: text }
  // -1 is the broker's own word for an error that it has no other for.
  if (code >= -1) {
    const { name, verdict } = verdictOf(code)
    return { verdict: verdict === 'written' ? 'unknown' : verdict, code: name, message: text }
  }
  const [name, verdict] = local[code] ?? ['CLIENT_ERROR', 'unknown']
  return { verdict, code: name, message: text }
}

export function isHopeless({ code }: NativeError): boolean {
  return hopeless.has(code)
}
