import { parseMessage, withEventContext, type ParsedEvent } from '@outboxkit/core'
import { SpanKind, trace } from '@opentelemetry/api'
import type { Consumer } from 'kafkajs'

// #region consume
/** What `handle` does belongs to the trace of the code that has emitted the event. */
export async function consume(
  consumer: Consumer,
  handle: (event: ParsedEvent) => Promise<void>,
): Promise<void> {
  await consumer.run({
    eachMessage: async ({ message }) => {
      const event = parseMessage(message)
      await withEventContext(event, () => handle(event))
    },
  })
}
// #endregion

// #region process
const tracer = trace.getTracer('newsletter')

/** The same with a span of one's own, for a Kafka client that is not instrumented. */
export function processInSpan<R>(topic: string, event: ParsedEvent, handle: () => Promise<R>): Promise<R> {
  const attributes = { 'messaging.system': 'kafka', 'messaging.message.id': event.id }
  return withEventContext(event, () =>
    tracer.startActiveSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes }, async (span) => {
      try {
        return await handle()
      } finally {
        span.end()
      }
    }),
  )
}
// #endregion
