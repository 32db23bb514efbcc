import { plainText, type Output } from '../output/output.js'
import { countLimit, type DeadEventInFull, type DeadScope, type Page } from './dead.js'
import type { DeadEvent } from './dead-row.js'

// How much of a payload is shown unless all of it is wanted, in characters and in bytes.
const shownCharacters = 4_000
const shownBytes = 512

export function printScopes(output: Output, scopes: readonly DeadScope[]): void {
  output.table(
    ['KIND', 'SCOPE', 'EVENTS', 'FIRST HELD', 'ATTEMPTS', 'CODE', 'REASON', 'ASKED'],
    scopes.map(({ kind, scope, events, first }) => [
      kind,
      oneLine(scope, 60),
      events >= countLimit ? `${countLimit}+` : String(events),
      toSeconds(first.heldAt),
      String(first.attempts),
      first.code,
      oneLine(first.reason, 60),
      first.request ?? '',
    ]),
  )
}

export function printEvents(output: Output, events: readonly DeadEvent[]): void {
  output.table(
    ['POSITION', 'ID', 'TYPE', 'KEY', 'HELD', 'ATTEMPTS', 'CODE', 'ASKED'],
    events.map((event) => [
      String(event.position),
      event.id,
      oneLine(event.type, 40),
      oneLine(keyOf(event), 40),
      toSeconds(event.heldAt),
      String(event.attempts),
      event.code,
      event.request ?? '',
    ]),
  )
}

/** `full`: all of the payload, however long. */
export function printEvent(output: Output, event: DeadEventInFull, full: boolean): void {
  const rows: (readonly [string, string])[] = [
    ['position', String(event.position)],
    ['id', event.id],
    ['type', event.type],
    ['key', keyOf(event)],
    ['topic', event.topic ?? '(by the template)'],
    ['created', event.createdAt],
    ['held', `${event.heldAt} (${event.kind} ${event.scope})`],
    ['code', event.code],
    ['reason', event.reason],
    ['attempts', String(event.attempts)],
    ['asked', event.request ?? 'nothing'],
    ['headers', event.headers ?? 'none'],
  ]
  for (const [name, value] of rows) output.line(`${name.padEnd(10)}${escaped(value)}`)
  output.line(`payload   ${describePayload(event.payload)}`)
  if (event.payload === null) return
  const { text, isCut } = payloadText(event.payload, full)
  output.line(text)
  if (isCut) output.note('The payload is longer than this: --full shows all of it.')
}

/** As JSON says it: text as text, bytes in base64. */
export function eventData({ payload, ...event }: DeadEventInFull): object {
  if (payload === null || typeof payload === 'string') return { ...event, payload, payloadEncoding: 'utf8' }
  return { ...event, payload: Buffer.from(payload).toString('base64'), payloadEncoding: 'base64' }
}

/** How to see the next page. */
export function printNext<Cursor>(
  output: Output,
  { next }: Page<unknown, Cursor>,
  flag: (cursor: Cursor) => string,
): void {
  if (next !== undefined) output.note(`More: add --after ${flag(next)}`)
}

/** Cut off in the middle of nothing that is shown: lines and control characters become visible. */
export function oneLine(text: string, most: number): string {
  const plain = escaped(text)
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}

export function keyOf({
  aggregateType,
  aggregateId,
}: Pick<DeadEvent, 'aggregateType' | 'aggregateId'>): string {
  return aggregateId === null ? `${aggregateType} (no key)` : `${aggregateType} ${aggregateId}`
}

export function plural(events: number): string {
  return counted(events, 'event')
}

/** `1 attempt`, `2 attempts`. */
export function counted(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}

/** Control characters, line ends among them, as JSON escapes them: everything stays visible and on its line. */
function escaped(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

function toSeconds(moment: string): string {
  return `${moment.slice(0, 19).replace('T', ' ')}Z`
}

function describePayload(payload: DeadEventInFull['payload']): string {
  if (payload === null) return 'null'
  return typeof payload === 'string'
    ? `${Buffer.byteLength(payload)} bytes of text`
    : `${payload.byteLength} bytes`
}

function payloadText(
  payload: string | Uint8Array,
  full: boolean,
): { readonly text: string; readonly isCut: boolean } {
  if (typeof payload === 'string') {
    const isCut = !full && payload.length > shownCharacters
    return { text: indented(plainText(isCut ? payload.slice(0, shownCharacters) : payload)), isCut }
  }
  const isCut = !full && payload.byteLength > shownBytes
  return { text: hexDump(isCut ? payload.subarray(0, shownBytes) : payload), isCut }
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}

/** Sixteen bytes on a line: offset, hexadecimal, and what of it is ASCII. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.byteLength; at += 16) {
    const part = [...bytes.subarray(at, at + 16)]
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`  ${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  return lines.join('\n')
}
