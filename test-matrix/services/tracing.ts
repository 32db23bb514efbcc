import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'

/** A real OpenTelemetry SDK for this process, as an application registers it, that keeps its spans in memory. */
export interface Tracing {
  /** Spans that have ended since the last `reset()`. */
  spans(): ReadableSpan[]
  reset(): void
  unregister(): void
}

export function registerTracing(): Tracing {
  const exporter = new InMemorySpanExporter()
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  )
  return {
    spans: () => exporter.getFinishedSpans(),
    reset: () => exporter.reset(),
    unregister: () => {
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}
