import { Outbox, type StoredEvent } from '@outboxkit/core'
import { createRelay, type Outcome, type Publisher } from '@outboxkit/relay'
import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { context, SpanKind, SpanStatusCode, trace, type TracerProvider } from '@opentelemetry/api'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { registerTracing, type Tracing } from '../../../test-matrix/services/tracing.js'
import { quick, setUp, until } from './support.js'

let tracing: Tracing
beforeAll(() => void (tracing = registerTracing()))
beforeEach(() => tracing.reset())
afterAll(() => tracing.unregister())

/** The headers that `emit` stores in a span of the application. */
function emittedIn(name: string): { headers: string; traceId: string; spanId: string } {
  return trace.getTracer('application').startActiveSpan(name, (span) => {
    const [row] = new Outbox().prepare([{ aggregateType: 'a', aggregateId: 1, type: 't', payload: 1 }])
    span.end()
    return { headers: row?.headers ?? '', ...span.spanContext() }
  })
}

const sends = () => tracing.spans().filter(({ name }) => name.startsWith('send'))

/** One pass over these rows. */
async function publish(rows: Partial<StoredEvent>[], publisher: Publisher = memoryPublisher()) {
  const outbox = new MemoryOutbox()
  for (const row of rows) outbox.insert(row)
  tracing.reset()
  await using relay = createRelay({ source: memorySource(outbox), publisher, ...quick })
  await relay.drain({ maxEvents: rows.length, deadlineMs: 30_000 })
  return sends()
}

test('one span per call of the publisher, with a link to each emitter', async () => {
  const [first, second] = [emittedIn('one'), emittedIn('two')]
  const spans = await publish([
    { headers: first.headers },
    { headers: second.headers },
    { headers: first.headers },
    { headers: JSON.stringify({ own: '1', ...(JSON.parse(first.headers) as object) }) },
    { headers: null },
    { headers: 'not JSON' },
    { headers: '{"traceparent":"nonsense"}' },
  ])
  expect(spans).toHaveLength(1)
  const [span] = spans
  expect(span).toMatchObject({ name: 'send outbox.event.order', kind: SpanKind.CLIENT })
  expect(span?.parentSpanContext).toBeUndefined()
  expect(span?.attributes).toMatchObject({
    'messaging.system': 'memory',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'outbox.event.order',
    'messaging.batch.message_count': 7,
    'outboxkit.published': 7,
    'outboxkit.retry': 0,
    'outboxkit.reject': 0,
  })
  expect(span?.attributes).not.toHaveProperty('messaging.message.id')
  expect(span?.status.code).toBe(SpanStatusCode.UNSET)
  expect(span?.links.map((link) => link.context.spanId)).toEqual([first.spanId, second.spanId])
  expect(span?.links[0]?.attributes).toHaveProperty(['messaging.batch.message_count'], 3)
  expect(span?.links[1]?.attributes).toHaveProperty(['messaging.message.id'])
})

test('the time in the outbox is that of the event that has waited longest', async () => {
  const { headers } = emittedIn('one')
  const ago = (ms: number): string => new Date(Date.now() - ms).toISOString()
  const spans = await publish([
    { createdAt: ago(60_000) },
    { headers, createdAt: ago(5_000) },
    { createdAt: 'never' },
  ])
  const waited = spans[0]?.attributes['outboxkit.time_in_outbox_ms']
  expect(waited).toBeGreaterThanOrEqual(60_000)
  expect(waited).toBeLessThan(120_000)
  const linked = spans[0]?.links[0]?.attributes?.['outboxkit.time_in_outbox_ms']
  expect(linked).toBeGreaterThanOrEqual(5_000)
  expect(linked).toBeLessThan(60_000)
})

test('several topics have no name, a single event its id, and a database’s clock that is ahead counts as zero', async () => {
  const spans = await publish([{ aggregateType: 'a' }, { aggregateType: 'b' }])
  expect(spans.map(({ name }) => name)).toEqual(['send'])
  expect(spans[0]?.attributes).not.toHaveProperty('messaging.destination.name')
  const id = '019a0000-0000-7000-8000-000000000001'
  const [single] = await publish([{ id, createdAt: '2999-01-01T00:00:00.000000Z' }])
  expect(single?.attributes).toMatchObject({
    'messaging.message.id': id,
    'outboxkit.time_in_outbox_ms': 0,
  })
})

test('links are bounded', async () => {
  const spans = await publish(Array.from({ length: 300 }, (_, i) => ({ headers: emittedIn(`${i}`).headers })))
  expect(spans.map(({ links, droppedLinksCount }) => [links.length, droppedLinksCount])).toEqual([[128, 0]])
})

test('what is not published is an error of the span', async () => {
  const publisher = memoryPublisher({ fail: ({ type }) => (type === 'bad' ? 'reject' : undefined) })
  const [span] = await publish([{ type: 'bad' }, {}], publisher)
  expect(span?.status.code).toBe(SpanStatusCode.ERROR)
  expect(span?.attributes).toMatchObject({
    'error.type': 'OUTBOX_PUBLISH_REJECTED',
    'outboxkit.published': 1,
    'outboxkit.reject': 1,
  })
})

test('the publisher works inside the span; listeners and the next poll do not', async () => {
  const active: (string | undefined)[] = []
  const inner = memoryPublisher()
  const publisher: Publisher = {
    ...inner,
    system: 'webhook',
    publish: async (events, options) => {
      active.push(trace.getActiveSpan()?.spanContext().spanId)
      return inner.publish(events, options)
    },
  }
  const outbox = new MemoryOutbox()
  outbox.insert()
  const source = memorySource(outbox)
  const polls: unknown[] = []
  const read = source.read.bind(source)
  source.read = (signal) => {
    polls.push(trace.getActiveSpan())
    return read(signal)
  }
  const relay = createRelay({ source, publisher, ...quick })
  const heard: unknown[] = []
  relay.on('published', () => heard.push(trace.getActiveSpan()))
  // As in the middle of an application's start.
  await trace.getTracer('application').startActiveSpan('start', async (span) => {
    await relay.start()
    span.end()
  })
  await inner.waitFor(1)
  await until(() => polls.length > 5 && heard.length > 0)
  await relay.stop()
  const [span, ...more] = sends()
  expect(more).toEqual([])
  expect(span?.attributes).toHaveProperty(['messaging.system'], 'webhook')
  expect(span?.parentSpanContext).toBeUndefined()
  expect(active).toEqual([span?.spanContext().spanId])
  expect(new Set([...polls, ...heard])).toEqual(new Set([undefined]))
})

test('a drain belongs to the span in which it is called', async () => {
  const outbox = new MemoryOutbox()
  outbox.insert()
  await using relay = createRelay({ source: memorySource(outbox), publisher: memoryPublisher(), ...quick })
  const caller = trace.getTracer('application').startSpan('job')
  await context.with(trace.setSpan(context.active(), caller), () => relay.drain())
  expect(sends()[0]?.parentSpanContext?.spanId).toBe(caller.spanContext().spanId)
})

test('nothing to publish, no span; tracing: false, no span', async () => {
  const { relay, outbox, publisher } = setUp({ tracing: false })
  await relay.start()
  await until(() => relay.metrics().reads > 5 && relay.metrics().renewals > 0)
  expect(tracing.spans()).toEqual([])
  outbox.insert()
  await publisher.waitFor(1)
  await relay.stop()
  expect(tracing.spans()).toEqual([])
  expect(() => setUp({ tracing: 'no' as unknown as boolean })).toThrow('tracing must be true or false')
})

describe('a tracer that is broken never fails a publish:', () => {
  const fail = (): never => {
    throw new Error('broken')
  }
  const span = { setAttribute: fail, setStatus: fail, end: fail, spanContext: fail }
  afterEach(() => {
    tracing.unregister()
    tracing = registerTracing()
  })

  test.each([
    ['no tracer', { getTracer: fail }],
    ['no span', { getTracer: () => ({ startSpan: fail }) }],
    ['a span that cannot end', { getTracer: () => ({ startSpan: () => span }) }],
  ])('%s', async (_, provider) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    trace.disable()
    trace.setGlobalTracerProvider(provider as unknown as TracerProvider)
    const inner = memoryPublisher()
    await publish([{}, {}], inner)
    expect(inner.messages()).toHaveLength(2)
    warn.mockRestore()
  })
})

test('a publisher that does not answer is an error of the span', async () => {
  const publisher: Publisher = {
    ...memoryPublisher(),
    name: 'silent',
    publish: () => new Promise<readonly Outcome[]>(() => undefined),
  }
  const outbox = new MemoryOutbox()
  outbox.insert()
  await using relay = createRelay({
    source: memorySource(outbox),
    publisher,
    ...quick,
    publishTimeoutMs: 10,
  })
  await relay.start()
  await until(() => sends().length > 0)
  expect(sends()[0]).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'error.type': 'unanswered', 'messaging.system': 'silent' },
  })
})
