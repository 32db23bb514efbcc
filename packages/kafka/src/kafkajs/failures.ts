import type { BatchOutcome } from '../driver.js'
import { verdictOf } from '../errors.js'

/** A failure of kafkajs in our words. `code`: Kafka's error name, or one of ours. */
export interface Failure {
  readonly verdict: Exclude<BatchOutcome['status'], 'written'>
  readonly code: string
  readonly message: string
}

interface KafkajsError {
  readonly name?: unknown
  readonly type?: unknown
  readonly code?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
  readonly message?: unknown
}

/** With these nothing has been sent. */
const beforeSending: Readonly<Record<string, string>> = {
  KafkaJSMetadataNotLoaded: 'METADATA_MISSING',
  KafkaJSTopicMetadataNotLoaded: 'METADATA_MISSING',
  KafkaJSBrokerNotFound: 'LEADER_NOT_AVAILABLE',
  KafkaJSNoBrokerAvailableError: 'NO_BROKER',
  KafkaJSSASLAuthenticationError: 'SASL_AUTHENTICATION_FAILED',
}

const codes: Readonly<Record<string, string>> = {
  KafkaJSConnectionError: 'CONNECTION_FAILED',
  KafkaJSConnectionClosedError: 'CONNECTION_CLOSED',
  KafkaJSRequestTimeoutError: 'REQUEST_TIMED_OUT',
}

/** What an error thrown by kafkajs proves. Whatever proves nothing is `unknown`. */
export function failureOf(error: unknown, redact: (text: string) => string): Failure {
  const inner = unwrap(error)
  const message = redact(typeof inner.message === 'string' ? inner.message : String(error)).replace(
    /\.+$/,
    '',
  )
  if (typeof inner.code === 'number' && typeof inner.type === 'string') {
    const { name, verdict } = verdictOf(inner.code)
    return { verdict: verdict === 'written' ? 'unknown' : verdict, code: name, message }
  }
  const name = String(inner.name)
  const code = beforeSending[name]
  if (code !== undefined) return { verdict: 'failed', code, message }
  return { verdict: 'unknown', code: codes[name] ?? 'CLIENT_ERROR', message }
}

/** kafkajs wraps what it gives up on, several times over; creating topics fails with a list of errors. */
function unwrap(error: unknown): KafkajsError {
  let inner: KafkajsError = isObject(error) ? error : {}
  for (let depth = 0; depth < 10; depth++) {
    if (typeof inner.code === 'number' && typeof inner.type === 'string') break
    const next: unknown =
      inner.cause ?? (Array.isArray(inner.errors) ? (inner.errors as unknown[])[0] : undefined)
    if (!isObject(next)) break
    inner = next
  }
  return inner
}

function isObject(value: unknown): value is KafkajsError {
  return typeof value === 'object' && value !== null
}
