import { describe, invalid } from './invalid.js'
import { isStorableText } from './json.js'

type Entry = readonly [name: string, value: string]

const reservedName = /^(?:id|content-type|ce_.*|outbox-.*)$/i
const controlCharacter = /\p{Cc}/u
/** W3C: at most 8,192 bytes of baggage, 512 characters of trace state. */
const maxTraceCharacters = 16_384

/**
 * JSON text of an event's own headers and of those that carry its trace; `null` when there are none. Throws
 * `OUTBOX_EVENT_INVALID` for own headers that cannot be stored; what tracing has made is left out instead.
 */
export function headersText(
  own: unknown,
  trace: readonly (readonly [name: string, value: unknown])[],
  name: string,
): string | null {
  const entries = ownEntries(own, name)
  const all = trace.length === 0 ? entries : [...entries, ...traceEntries(trace, entries)]
  // fromEntries defines properties, so a header called __proto__ stays a header.
  return all.length === 0 ? null : JSON.stringify(Object.fromEntries(all))
}

function ownEntries(headers: unknown, name: string): readonly Entry[] {
  if (headers === undefined || headers === null) return []
  // Iterable: a Map or a Headers, whose entries are no properties.
  if (typeof headers !== 'object' || Symbol.iterator in headers)
    invalid(name, `must be a plain object of strings, got ${describe(headers)}`)
  return Object.entries(headers as Record<string, unknown>).map(([key, value]) => {
    if (!isName(key))
      invalid(name, `has an empty name or one with control characters: ${JSON.stringify(key)}`)
    if (reservedName.test(key))
      invalid(
        name,
        `uses the reserved name ${JSON.stringify(key)} (id, content-type, ce_* and outbox-* are ours)`,
      )
    if (typeof value !== 'string') invalid(`${name}.${key}`, `must be a string, got ${describe(value)}`)
    if (!isValue(value)) invalid(`${name}.${key}`, 'contains CR, LF, NUL or a lone surrogate')
    return [key, value]
  })
}

/**
 * What the event says itself stands: with a `traceparent` of its own, nothing else of another trace is added. Baggage
 * is no part of that.
 */
function traceEntries(
  trace: readonly (readonly [name: string, value: unknown])[],
  own: readonly Entry[],
): readonly Entry[] {
  const taken = new Set(own.map(([key]) => key.toLowerCase()))
  const isBaggage = (key: string): boolean => key.toLowerCase() === 'baggage'
  const names = trace.filter(([key]) => !isBaggage(key)).map(([key]) => key.toLowerCase())
  // A trace state says something about its own parent only.
  if (names.includes('traceparent')) names.push('tracestate')
  const hasOwnTrace = names.some((key) => taken.has(key))
  let left = maxTraceCharacters
  return trace.filter((entry): entry is Entry => {
    const [key, value] = entry
    if (isBaggage(key) ? taken.has('baggage') : hasOwnTrace) return false
    if (!isName(key) || reservedName.test(key) || typeof value !== 'string' || !isValue(value)) return false
    const size = key.length + value.length
    if (size > left) return false
    left -= size
    return true
  })
}

function isName(name: string): boolean {
  return name !== '' && !controlCharacter.test(name) && isStorableText(name)
}

function isValue(value: string): boolean {
  return !/[\r\n]/.test(value) && isStorableText(value)
}
