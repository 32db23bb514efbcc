import { tracingAttributes } from './cloudevents.js'

/** The headers of a message, each with its first value. */
export type Headers = ReadonlyMap<string, string>

/** fromEntries defines properties, so a header called `__proto__` is just a header. */
export function ownHeaders(
  headers: Headers,
  foreign: (name: string) => boolean,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...headers].filter(([name]) => !foreign(name)))
}

/**
 * Instrumented clients write their own trace context over the `traceparent` header of a message; that of the
 * emitter is in the attributes. A `tracestate` without an attribute belongs to what was written over.
 */
export function asEmitted(
  headers: Readonly<Record<string, string>>,
  attribute: (name: string) => string | null,
): Readonly<Record<string, string>> {
  const parent = attribute('traceparent')
  if (parent === null || parent === '') return headers
  const state = attribute('tracestate')
  const others = Object.entries(headers).filter(([name]) => !tracingAttributes.includes(name.toLowerCase()))
  return Object.fromEntries([
    ...others,
    ['traceparent', parent],
    ...(state === null || state === '' ? [] : [['tracestate', state] as const]),
  ])
}

/** The column `headers` as Debezium's router places it. `undefined` for anything but a JSON object of strings. */
export function stringsOf(text: string | undefined): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return Object.values(value).every((one) => typeof one === 'string')
      ? (value as Readonly<Record<string, string>>)
      : undefined
  } catch {
    return undefined
  }
}
