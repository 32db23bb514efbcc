import type { StoredEvent } from './event.js'
import {
  openTelemetry,
  rootContext,
  runInContext,
  spanContextOf,
  warnOfTracing,
  type SpanContext,
  type TraceContext,
} from './open-telemetry.js'

type Headers = Readonly<Record<string, string>>

const setter = {
  set(carrier: object, name: string, value: string): void {
    ;(carrier as Record<string, unknown>)[name] = value
  },
}

/** Headers have no case of their own. */
const getter = {
  keys: (carrier: object): string[] => Object.keys(carrier),
  get: (carrier: object, name: string): string | undefined => {
    const headers = carrier as Headers
    if (Object.hasOwn(headers, name)) return headers[name]
    const wanted = name.toLowerCase()
    const found = Object.keys(headers).find((key) => key.toLowerCase() === wanted)
    return found === undefined ? undefined : headers[found]
  },
}

const none: readonly (readonly [string, unknown])[] = []

/** What the propagator of the application writes for the active context; values as it gave them. */
export function currentTraceHeaders(): readonly (readonly [name: string, value: unknown])[] {
  const api = openTelemetry()
  if (api?.context === undefined || api.propagation === undefined) return none
  try {
    const carrier: Record<string, unknown> = {}
    api.propagation.inject(api.context.active(), carrier, setter)
    return Object.entries(carrier)
  } catch (error) {
    warnOfTracing('the propagator', error)
    return none
  }
}

/**
 * Runs `run` with the code that has emitted the event as the parent of its spans, and returns what it returns. With
 * `@opentelemetry/api` registered it reads the event's headers by the application's propagator; without it, or for
 * an event without a trace, it just runs. When the active span belongs to the emitter's trace already (an
 * instrumentation of the Kafka client has read the headers), that span stays the parent.
 */
export function withEventContext<R>(event: { readonly headers: Headers }, run: () => R): R {
  return runInContext((active) => {
    const emitted = extract(active, event.headers)
    const emitter = spanContextOf(emitted)
    return emitter === undefined || emitter.traceId === spanContextOf(active)?.traceId ? active : emitted
  }, run)
}

/** The span in which the event was emitted. `undefined`: it carries none, or nothing here can read it. */
export function emitterOf(event: Pick<StoredEvent, 'headers'>): SpanContext | undefined {
  if (event.headers === null) return undefined
  try {
    return spanContextOf(extract(rootContext, JSON.parse(event.headers) as Headers))
  } catch {
    // What is wrong with the headers is the envelope's to say.
    return undefined
  }
}

function extract(context: TraceContext, headers: Headers): TraceContext {
  const propagation = openTelemetry()?.propagation
  if (propagation === undefined || typeof headers !== 'object' || headers === null) return context
  try {
    return propagation.extract(context, headers, getter)
  } catch (error) {
    warnOfTracing('the propagator', error)
    return context
  }
}
