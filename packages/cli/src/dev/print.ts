import type { StoredEvent } from '@outboxkit/core'
import type { HeldEvent } from '@outboxkit/relay'
import type { Finding } from '../doctor/finding.js'
import { humanBytes } from '../doctor/limits.js'
import type { Output } from '../output/output.js'

export interface DevPrinterOptions {
  /** The name of the outbox, where there are several. */
  readonly label: string | undefined
  /** The whole payload, over several lines. */
  readonly full: boolean
  readonly now?: () => Date
}

/** What dev says: lines for people, or one JSON object per line. */
export class DevPrinter {
  readonly #output: Output
  readonly #options: DevPrinterOptions

  constructor(output: Output, options: DevPrinterOptions) {
    this.#output = output
    this.#options = options
  }

  event(event: StoredEvent, topic: string | null): void {
    const { paint, columns } = this.#output
    const topicText = oneLine(topic ?? '(no topic)')
    const key = event.aggregateId === null ? '(no key)' : oneLine(event.aggregateId)
    const type = oneLine(event.type)
    const headers = headersOf(event)
    const parts = [paint.cyan(topicText), paint.bold(key), paint.green(type)]
    // What the other parts, two spaces between them, and the time leave of the line.
    const others = [clock(new Date(0)), topicText, key, type, ...(headers === '' ? [] : [headers])]
    const width = Math.max(40, columns - others.join('  ').length - 2)
    if (!this.#options.full) parts.push(folded(event.payload, width))
    if (headers !== '') parts.push(paint.dim(headers))
    this.#line(parts.join('  '))
    if (this.#options.full) for (const line of unfolded(event.payload)) this.#output.line(`    ${line}`)
    this.#data('event', dataOf(event, topic))
  }

  held({ event, kind, scope, code, reason, attempts }: HeldEvent, topic: string | null): void {
    const { paint } = this.#output
    this.#line(
      `${paint.red('held')}  ${oneLine(topic ?? '(no topic)')}  ${paint.bold(oneLine(event.aggregateId ?? '(no key)'))}  ${oneLine(event.type)}  ${code}: ${oneLine(reason)} (waits by ${kind}: ${oneLine(scope)})`,
    )
    this.#data('held', { ...dataOf(event, topic), scopeKind: kind, scope, code, reason, attempts })
  }

  /** What waited out of line before dev was started. */
  heldBefore(found: { kind: string; scope: string; events: number; code: string; reason: string }): void {
    const { paint } = this.#output
    const { kind, scope, events, code, reason } = found
    this.#line(
      `${paint.red('held')}  ${events} by ${kind} ${oneLine(scope)}: ${code}, ${oneLine(reason)} (outboxkit dead list)`,
    )
    this.#data('held-before', { scopeKind: kind, scope, events, code, reason })
  }

  finding({ severity, check, found, todo, anchor }: Finding): void {
    const { paint } = this.#output
    const colour = severity === 'fatal' ? paint.red : paint.yellow
    this.#line(`${colour(severity)}  ${paint.bold(check)}: ${oneLine(found)} → ${oneLine(todo)}`)
    this.#data('finding', { severity, check, found, todo, anchor })
  }

  /** A state: said to people and programs. */
  state(state: string, text: string, details: object = {}): void {
    this.#line(this.#output.paint.dim(text))
    this.#data('state', { state, text, ...details })
  }

  warn(state: string, text: string, details: object = {}): void {
    this.#line(`${this.#output.paint.yellow('warning')}  ${text}`)
    this.#data('state', { state, text, ...details })
  }

  #line(text: string): void {
    const { label, now = () => new Date() } = this.#options
    const { dim } = this.#output.paint
    this.#output.line(`${dim(clock(now()))}  ${label === undefined ? '' : `${dim(label)}  `}${text}`)
  }

  #data(kind: string, details: object): void {
    const { label, now = () => new Date() } = this.#options
    this.#output.data({
      kind,
      at: now().toISOString(),
      ...(label === undefined ? {} : { outbox: label }),
      ...details,
    })
  }
}

function dataOf(event: StoredEvent, topic: string | null): object {
  const isBytes = event.payload !== null && typeof event.payload !== 'string'
  return {
    topic,
    key: event.aggregateId,
    type: event.type,
    id: event.id,
    aggregateType: event.aggregateType,
    position: event.position,
    createdAt: event.createdAt,
    headers: parsed(event.headers),
    payload: isBytes ? Buffer.from(event.payload as Uint8Array).toString('base64') : event.payload,
    payloadEncoding: isBytes ? 'base64' : 'utf8',
  }
}

/** On one line, at most `width` characters of it, and how large it is if it was cut. */
export function folded(payload: StoredEvent['payload'], width: number): string {
  if (payload === null) return '(no payload)'
  if (typeof payload !== 'string') return `(${humanBytes(payload.byteLength)})`
  // Not more than can be shown: it may be a megabyte.
  const text = oneLine(payload.slice(0, width * 4))
  if (text.length <= width && payload.length <= width * 4) return text
  const size = ` … (${humanBytes(Buffer.byteLength(payload))})`
  return `${cut(text, Math.max(10, width - size.length))}${size}`
}

/** As JSON is written for people; what is not JSON, as it is. */
export function unfolded(payload: StoredEvent['payload']): string[] {
  if (typeof payload !== 'string') return [folded(payload, 80)]
  const value = parsed(payload)
  // Numbers that JavaScript cannot hold would change.
  const isSame = value !== undefined && JSON.stringify(value) === payload
  return visible(isSame ? JSON.stringify(value, null, 2) : payload).split(/\r?\n/)
}

/** Without what would break the line or pass for one of our own colours. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, ' ').trim()
}

function visible(text: string): string {
  return text.replace(/[\u{f0000}-\u{f006b}]/gu, '')
}

function cut(text: string, length: number): string {
  const end = text.slice(0, length)
  // not in the middle of a pair
  return /[\ud800-\udbff]$/.test(end) ? end.slice(0, -1) : end
}

function headersOf({ headers }: StoredEvent): string {
  const value = parsed(headers)
  if (typeof value !== 'object' || value === null)
    return headers === null ? '' : oneLine(headers.slice(0, 100))
  return Object.entries(value)
    .map(([name, content]) => oneLine(`${name}=${String(content)}`))
    .join(' ')
}

function parsed(text: string | null): unknown {
  if (text === null) return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function clock(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
