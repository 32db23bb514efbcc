import { OutboxError } from './errors.js'

/** Throws `OUTBOX_EVENT_INVALID` for the part `name` of an event. */
export function invalid(name: string, problem: string): never {
  throw new OutboxError('OUTBOX_EVENT_INVALID', `${name} ${problem}.`, { details: { path: name } })
}

/** A value as far as an error message shows it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'number'
        ? String(value)
        : typeof value
}
