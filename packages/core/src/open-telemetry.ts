import { processWarning } from './warning.js'

/*
 * OpenTelemetry without a dependency on it. What an application registers through `@opentelemetry/api` lies at one
 * place of globalThis, where every copy of that package with the major version 1 looks for it, whatever its minor
 * version and whether it was imported or required. So this place, the keys and the members below are fixed until
 * there is a version 2; and when nothing is registered, all of this costs one look at a property.
 *
 * Tracing must never lose or fail an event: whatever a propagator, a context manager or a span processor throws is
 * caught and warned of once.
 *
 * What is exported from here serves the packages of Outboxkit; applications need `withEventContext` only.
 */

/** `Context` of OpenTelemetry. */
export interface TraceContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): TraceContext
  deleteValue(key: symbol): TraceContext
}

/** `SpanContext` of OpenTelemetry. */
export interface SpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly isRemote?: boolean
}

interface ContextManager {
  active(): TraceContext
  with<R>(context: TraceContext, run: () => R): R
}

interface Propagator {
  inject(context: TraceContext, carrier: object, setter: Setter): void
  extract(context: TraceContext, carrier: object, getter: Getter): TraceContext
}

interface Setter {
  set(carrier: object, name: string, value: string): void
}

interface Getter {
  keys(carrier: object): string[]
  get(carrier: object, name: string): string | undefined
}

/** What an application has registered; each part only when it has. */
export interface OpenTelemetry {
  readonly context?: ContextManager | undefined
  readonly propagation?: Propagator | undefined
  /** A `TracerProvider`. */
  readonly trace?: object | undefined
}

const place = Symbol.for('opentelemetry.js.api.1')
const spanKey = Symbol.for('OpenTelemetry Context Key SPAN')
const suppressKey = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** `undefined`: the application has not registered anything. */
export function openTelemetry(): OpenTelemetry | undefined {
  return (globalThis as { [place]?: OpenTelemetry })[place]
}

class PlainContext implements TraceContext {
  readonly #values: ReadonlyMap<symbol, unknown>

  constructor(values: ReadonlyMap<symbol, unknown>) {
    this.#values = values
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key)
  }

  setValue(key: symbol, value: unknown): TraceContext {
    return new PlainContext(new Map([...this.#values, [key, value]]))
  }

  deleteValue(key: symbol): TraceContext {
    return new PlainContext(new Map([...this.#values].filter(([other]) => other !== key)))
  }
}

/** The context without a span, without baggage. */
export const rootContext: TraceContext = new PlainContext(new Map())

export function withSpan(context: TraceContext, span: object): TraceContext {
  return context.setValue(spanKey, span)
}

/** `undefined`: there is no span in it, or none that anything could refer to. */
export function spanContextOf(context: TraceContext): SpanContext | undefined {
  const span = context.getValue(spanKey) as { spanContext?(): SpanContext } | undefined
  const found = span?.spanContext?.()
  const isValid =
    /^[0-9a-f]{32}$/i.test(found?.traceId ?? '') &&
    /^[0-9a-f]{16}$/i.test(found?.spanId ?? '') &&
    !/^0+$/.test(found?.traceId ?? '')
  return isValid ? found : undefined
}

/** Runs `run` once, in the context that `contextOf` makes of the active one; without it when that cannot be done. */
export function runInContext<R>(contextOf: (active: TraceContext) => TraceContext, run: () => R): R {
  const manager = openTelemetry()?.context
  if (manager === undefined) return run()
  let outcome: { readonly value: R } | { readonly error: unknown } | undefined
  try {
    manager.with(contextOf(manager.active()), () => {
      outcome = attempt(run)
    })
  } catch (error) {
    warnOfTracing('the context manager', error)
  }
  if (outcome === undefined) return run()
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

function attempt<R>(run: () => R): { readonly value: R } | { readonly error: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}

/**
 * Runs `run` so that instrumentations trace nothing of what it does, nor write a trace context of their own into
 * messages.
 */
export function untraced<R>(run: () => R): R {
  return runInContext((active) => active.setValue(suppressKey, true), run)
}

/** Runs `run` without a span around it: for what outlives the call that has started it. */
export function detached<R>(run: () => R): R {
  return runInContext(() => rootContext, run)
}

let warned = false

/** Says once per process that tracing does not work; events are not affected. */
export function warnOfTracing(what: string, error: unknown): void {
  if (warned) return
  warned = true
  const reason = error instanceof Error ? error.message : String(error)
  processWarning(
    'OUTBOX_TRACING',
    `OpenTelemetry: ${what} has failed (${reason}). Events go on without their traces.`,
  )
}
