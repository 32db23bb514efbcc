import type { OpenTelemetry, SpanContext, TraceContext } from '@outboxkit/core'
import type * as api from '@opentelemetry/api'
import { expectTypeOf, test } from 'vitest'

test('the types of OpenTelemetry are those of @opentelemetry/api', () => {
  interface Registered {
    context: api.ContextManager
    propagation: api.TextMapPropagator
    trace: api.TracerProvider
  }
  expectTypeOf<Registered>().toExtend<OpenTelemetry>()
  expectTypeOf<api.Context>().toExtend<TraceContext>()
  expectTypeOf<api.SpanContext>().toExtend<SpanContext>()
  expectTypeOf<{ context: { active(): string } }>().not.toExtend<OpenTelemetry>()
})
