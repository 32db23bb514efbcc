import {
  emitterOf,
  openTelemetry,
  runInContext,
  warnOfTracing,
  withSpan,
  type SpanContext,
  type StoredEvent,
  type TraceContext,
} from '@outboxkit/core'
import type { ResolvedOptions } from './options.js'
import type { Outcome } from './publisher.js'

/*
 * One span per call of the publisher, and nothing else: no span for a poll, a settlement or a renewal. It has no
 * emitter as its parent, because a batch has many; it links to them. The names are those of OpenTelemetry's semantic
 * conventions for messaging.
 */

interface Span {
  setAttribute(name: string, value: string | number): unknown
  setStatus(status: { code: number; message?: string }): unknown
  end(): void
}

interface Tracer {
  startSpan(name: string, options: object): Span
}

interface Link {
  readonly context: SpanContext
  readonly attributes: Record<string, string | number>
}

/** CLIENT: whoever consumes the messages is not to take this span for the one that has made them. */
const clientKind = 2
const errorStatus = 2
/** What the SDK keeps by default. */
const maxLinks = 128

/** Calls the publisher by `send`; in a span, when the application has registered OpenTelemetry. */
export async function traceSend(
  options: ResolvedOptions,
  events: readonly StoredEvent[],
  send: () => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const span = options.tracing ? startSpan(options, events) : undefined
  if (span === undefined) return send()
  let outcomes: readonly Outcome[] | undefined
  try {
    outcomes = await runInContext((active: TraceContext) => withSpan(active, span), send)
    return outcomes
  } finally {
    endSpan(span, outcomes)
  }
}

function startSpan(options: ResolvedOptions, events: readonly StoredEvent[]): Span | undefined {
  const provider = openTelemetry()?.trace as { getTracer(name: string): Tracer } | undefined
  if (provider === undefined) return undefined
  try {
    const { publisher, source } = options
    const topic = onlyTopic(options, events)
    const now = Date.now() + (source.clockOffsetMs ?? 0)
    return provider.getTracer('@outboxkit/relay').startSpan(topic === undefined ? 'send' : `send ${topic}`, {
      kind: clientKind,
      attributes: {
        'messaging.system': publisher.system ?? publisher.name,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.batch.message_count': events.length,
        ...(topic === undefined ? {} : { 'messaging.destination.name': topic }),
        ...(events.length === 1 ? { 'messaging.message.id': events[0]?.id } : {}),
        'outboxkit.source': source.name,
        ...waitOf(events, now),
      },
      links: linksOf(events, now),
    })
  } catch (error) {
    warnOfTracing('the start of a span', error)
    return undefined
  }
}

function endSpan(span: Span, outcomes: readonly Outcome[] | undefined): void {
  try {
    const failed = outcomes?.filter(({ status }) => status !== 'published')
    if (outcomes === undefined || failed === undefined) {
      span.setAttribute('error.type', 'unanswered')
      span.setStatus({ code: errorStatus, message: 'the publisher has not answered' })
    } else {
      for (const status of ['published', 'retry', 'reject'] as const)
        span.setAttribute(`outboxkit.${status}`, outcomes.filter((one) => one.status === status).length)
      const [first] = failed
      if (first !== undefined && first.status !== 'published') {
        span.setAttribute('error.type', first.error.code)
        span.setStatus({ code: errorStatus, message: first.error.message })
      }
    }
    span.end()
  } catch (error) {
    warnOfTracing('the end of a span', error)
  }
}

/** `undefined`: there are several. */
function onlyTopic({ publisher }: ResolvedOptions, events: readonly StoredEvent[]): string | undefined {
  let only: string | null | undefined
  for (const event of events) {
    const topic = publisher.topicOf(event)
    if (topic === null || (only !== undefined && topic !== only)) return undefined
    only = topic
  }
  return only ?? undefined
}

/** Each emitter once, the first {@link maxLinks}, with what it has in this batch. */
function linksOf(events: readonly StoredEvent[], now: number): Link[] {
  const byHeaders = new Map<string, StoredEvent[]>()
  for (const event of events) {
    if (event.headers === null) continue
    const same = byHeaders.get(event.headers)
    if (same === undefined) byHeaders.set(event.headers, [event])
    else same.push(event)
  }
  const bySpan = new Map<string, { context: SpanContext; events: StoredEvent[] }>()
  for (const [headers, emitted] of byHeaders) {
    if (bySpan.size === maxLinks) break
    const context = emitterOf({ headers })
    if (context === undefined) continue
    const key = `${context.traceId} ${context.spanId}`
    const known = bySpan.get(key)
    if (known === undefined) bySpan.set(key, { context, events: emitted })
    else known.events = known.events.concat(emitted)
  }
  return [...bySpan.values()].map(({ context, events: emitted }) => ({
    context,
    attributes: {
      ...(emitted.length === 1
        ? { 'messaging.message.id': emitted[0]?.id ?? '' }
        : { 'messaging.batch.message_count': emitted.length }),
      ...waitOf(emitted, now),
    },
  }))
}

/** How long the event that has waited longest was in the outbox, by the database's clock. */
function waitOf(events: readonly StoredEvent[], now: number): Record<string, number> {
  const waits = events.map(({ createdAt }) => now - Date.parse(createdAt)).filter((ms) => !Number.isNaN(ms))
  // Not spread into arguments, which are limited in number.
  const longest = waits.reduce((most, ms) => Math.max(most, ms), -Infinity)
  return longest === -Infinity ? {} : { 'outboxkit.time_in_outbox_ms': Math.max(0, Math.round(longest)) }
}
