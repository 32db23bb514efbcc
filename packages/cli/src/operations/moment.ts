import { OutboxError } from '@outboxkit/core'
import { parseDuration } from './duration.js'

/** A bound of a range: a moment (RFC 3339, UTC, microseconds), a position, or so many ms before now. */
export type RangeBound =
  | { readonly kind: 'moment'; readonly moment: string }
  | { readonly kind: 'position'; readonly position: number }
  | { readonly kind: 'ago'; readonly ms: number }

const shape = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(Z|z|[+-]\d\d:\d\d)?)?$/

/**
 * `2026-01-31T10:00:00Z`, with any offset; `2026-01-31`: midnight UTC; `2h`: two hours ago; `4711`: a position.
 * Throws `OUTBOX_OPTION_INVALID`; `flag` is for its message.
 */
export function parseBound(flag: string, text: string): RangeBound {
  if (/^\d+$/.test(text)) {
    const position = Number(text)
    if (Number.isSafeInteger(position)) return { kind: 'position', position }
  }
  if (/^[\d.]+(?:ms|s|m|h|d)$/.test(text)) return { kind: 'ago', ms: parseDuration(flag, text) }
  const [, date, minutes, seconds = '00', fraction = '', zone] = shape.exec(text) ?? []
  if (date !== undefined && minutes !== undefined && zone === undefined)
    throw invalid(`${flag}: ${JSON.stringify(text)} has no time zone. Add Z (UTC) or an offset like +02:00.`)
  const at = Date.parse(
    minutes === undefined ? `${date}T00:00:00Z` : `${date}T${minutes}:${seconds}${zone?.toUpperCase()}`,
  )
  // The 30th of February would become a day in March.
  const isDay = date !== undefined && new Date(`${date}T00:00:00Z`).getUTCDate() === Number(date.slice(8))
  if (!isDay || Number.isNaN(at))
    throw invalid(
      `${flag} must be a time like 2026-01-31T10:00:00Z, a date, how long ago (2h), or a position, got ${JSON.stringify(text)}.`,
    )
  return { kind: 'moment', moment: toMoment(at, fraction) }
}

/** Milliseconds since 1970 as text; `fraction`: digits of a second that stand in the place of the milliseconds. */
export function toMoment(ms: number, fraction?: string): string {
  const iso = new Date(ms).toISOString()
  return `${iso.slice(0, 19)}.${(fraction ?? iso.slice(20, 23)).padEnd(6, '0')}Z`
}

function invalid(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', message)
}
