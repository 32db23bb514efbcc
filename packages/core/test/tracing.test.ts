import {
  context,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Span,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import {
  cloudEvents,
  debezium,
  detached,
  Outbox,
  parseMessage,
  TransactionScope,
  untraced,
  withEventContext,
  type OutboxEvent,
  type OutboxMessage,
  type OutboxOptions,
  type StoredEvent,
} from '@outboxkit/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { registerTracing, type Tracing } from '../../../test-matrix/services/tracing.js'
import { FakeTransaction } from './fake-transaction.js'

const event = (headers?: Record<string, string>): OutboxEvent => ({
  aggregateType: 'order',
  aggregateId: 1,
  type: 'order.placed',
  payload: { total: 12 },
  headers,
})

const prepared = (headers?: Record<string, string>, options: OutboxOptions = {}) =>
  new Outbox(options).prepare([event(headers)])[0]?.headers ?? null

const parsedHeaders = (text: string | null): unknown => (text === null ? null : JSON.parse(text))

const traceparent = (span: Span): string => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`

/** Runs `body` in a span of the application. */
function inSpan<R>(body: (span: Span) => R): R {
  return trace.getTracer('application').startActiveSpan('checkout', (span) => {
    const result = body(span)
    span.end()
    return result
  })
}

let tracing: Tracing

describe('where nothing is registered', () => {
  test('an event has the headers that it was given', () => {
    expect(prepared()).toBeNull()
    expect(prepared({ tenant: 'acme' })).toBe('{"tenant":"acme"}')
  })

  test('what is to run in a context just runs', () => {
    expect(withEventContext({ headers: { traceparent: 'x' } }, () => 1)).toBe(1)
    expect(untraced(() => 2)).toBe(2)
    expect(() =>
      detached(() => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
  })
})

describe('with the SDK of an application', () => {
  beforeAll(() => void (tracing = registerTracing()))
  beforeEach(() => tracing.reset())
  afterAll(() => tracing.unregister())

  test('emit stores the active span behind the own headers', () => {
    inSpan((span) => {
      expect(prepared({ tenant: 'acme' })).toBe(`{"tenant":"acme","traceparent":"${traceparent(span)}"}`)
      expect(prepared()).toBe(`{"traceparent":"${traceparent(span)}"}`)
    })
  })

  test('a lazy emit stores the span in which it was called, not the one in which it is awaited', async () => {
    const trx = new FakeTransaction()
    const rows: unknown[] = []
    trx.execute = (statement) => {
      rows.push(...statement.values)
      return Promise.resolve()
    }
    const scope = new TransactionScope(new Outbox(), trx)
    const { emit, span } = inSpan((active) => ({ emit: { id: scope.emit(event()) }, span: active }))
    await inSpan(() => emit.id)
    expect(rows).toContain(`{"traceparent":"${traceparent(span)}"}`)
  })

  test('each event of one call carries it', () => {
    inSpan((span) => {
      const rows = new Outbox().prepare([event(), event({ a: '1' })])
      for (const { headers } of rows)
        expect(parsedHeaders(headers)).toHaveProperty('traceparent', traceparent(span))
    })
  })

  test('trace state and baggage travel along; baggage also without a span', () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => {
      expect(prepared()).toBe('{"baggage":"tenant=acme"}')
    })
    const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`, tracestate: 'vendor=1' }
    context.with(propagation.extract(ROOT_CONTEXT, headers), () => {
      expect(parsedHeaders(prepared())).toEqual(headers)
    })
  })

  test('without a span there is nothing to store', () => {
    expect(prepared()).toBeNull()
    inSpan(() => expect(context.with(suppressTracing(context.active()), () => prepared())).toBeNull())
  })

  test('tracing: false leaves it out', () => {
    inSpan(() => expect(prepared({ a: '1' }, { tracing: false })).toBe('{"a":"1"}'))
    expect(() => new Outbox({ tracing: 'no' as unknown as boolean })).toThrow('tracing must be true or false')
  })

  test.each([
    [{ traceparent: 'mine' }, { traceparent: 'mine', baggage: 'tenant=acme' }],
    [{ TraceParent: 'mine' }, { TraceParent: 'mine', baggage: 'tenant=acme' }],
    [{ tracestate: 'mine=1' }, { tracestate: 'mine=1', baggage: 'tenant=acme' }],
  ])('own headers %j stand, and are mixed with no other trace', (own, expected) => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    inSpan(() =>
      context.with(propagation.setBaggage(context.active(), baggage), () =>
        expect(parsedHeaders(prepared(own))).toEqual(expected),
      ),
    )
  })

  test('own baggage stands beside the active span', () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    inSpan((span) =>
      context.with(propagation.setBaggage(context.active(), baggage), () =>
        expect(parsedHeaders(prepared({ baggage: 'mine=1' }))).toEqual({
          baggage: 'mine=1',
          traceparent: traceparent(span),
        }),
      ),
    )
  })

  describe('a consumer', () => {
    const stored = (headers: string | null): StoredEvent => ({
      position: 7,
      id: '019a0000-0000-7000-8000-000000000001',
      aggregateType: 'order',
      aggregateId: 'k1',
      type: 'order.placed',
      payload: '{}',
      headers,
      topic: null,
      createdAt: '2026-01-02T01:04:05.678901Z',
    })
    /** What an instrumented producer does to the headers of a message. */
    const overwritten = ({ headers, ...message }: OutboxMessage) =>
      inSpan((relay) => ({
        ...message,
        headers: {
          ...Object.fromEntries(headers),
          traceparent: traceparent(relay),
          tracestate: 'relay=1',
        },
      }))

    const envelopes = [
      ['cloudevents', cloudEvents()],
      ['cloudevents-structured', cloudEvents({ mode: 'structured' })],
      ['debezium', debezium({ additional: [{ column: 'headers', header: 'headers' }] })],
    ] as const

    test.each(envelopes)('%s: has the emitter as its parent, whatever was written over it', (_, envelope) => {
      const { headers, span } = inSpan((active) => ({
        headers: prepared({ tenant: 'acme' }),
        span: active,
      }))
      for (const message of [
        Object.assign({}, envelope.toMessage(stored(headers)), {
          headers: Object.fromEntries(envelope.toMessage(stored(headers)).headers),
        }),
        overwritten(envelope.toMessage(stored(headers))),
      ]) {
        const parsed = parseMessage(message)
        expect(parsed.headers).toMatchObject({ tenant: 'acme', traceparent: traceparent(span) })
        tracing.reset()
        const result = withEventContext(parsed, () => inSpan(() => 'handled'))
        expect(result).toBe('handled')
        expect(tracing.spans()[0]?.parentSpanContext).toMatchObject({
          spanId: span.spanContext().spanId,
          traceId: span.spanContext().traceId,
          isRemote: true,
        })
      }
    })

    test.each(envelopes.slice(0, 2))('%s: keeps no trace state of somebody else', (_, envelope) => {
      const headers = inSpan(() => prepared())
      expect(parseMessage(overwritten(envelope.toMessage(stored(headers)))).headers).not.toHaveProperty(
        'tracestate',
      )
      const own = JSON.stringify({ traceparent: 'x', tracestate: 'mine=1' })
      expect(parseMessage(overwritten(envelope.toMessage(stored(own)))).headers).toEqual({
        traceparent: 'x',
        tracestate: 'mine=1',
      })
    })

    test('an event that was emitted without a trace has no parent but what the message names', () => {
      const message = cloudEvents().toMessage(stored(null))
      const parsed = parseMessage({ ...message, headers: Object.fromEntries(message.headers) })
      expect(parsed.headers).toEqual({})
      withEventContext(parsed, () => inSpan(() => undefined))
      expect(tracing.spans()[0]?.parentSpanContext).toBeUndefined()
    })

    test('stays in the span of an instrumented client that belongs to the emitter’s trace', () => {
      const { headers, emitter } = inSpan((span) => ({
        headers: { traceparent: traceparent(span) },
        emitter: span,
      }))
      const received = propagation.extract(ROOT_CONTEXT, headers)
      const parentOf = (process: Span): string | undefined => {
        tracing.reset()
        context.with(trace.setSpan(ROOT_CONTEXT, process), () =>
          withEventContext({ headers }, () => inSpan(() => undefined)),
        )
        return tracing.spans()[0]?.parentSpanContext?.spanId
      }
      const tracer = trace.getTracer('client')
      const inTrace = tracer.startSpan('process', {}, received)
      expect(parentOf(inTrace)).toBe(inTrace.spanContext().spanId)
      const elsewhere = tracer.startSpan('process', {}, ROOT_CONTEXT)
      expect(parentOf(elsewhere)).toBe(emitter.spanContext().spanId)
    })

    test('reads header names in any case, and keeps baggage', () => {
      const headers = { TraceParent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, Baggage: 'tenant=acme' }
      withEventContext({ headers }, () => {
        expect(trace.getActiveSpan()?.spanContext().spanId).toBe('b'.repeat(16))
        expect(propagation.getActiveBaggage()?.getEntry('tenant')?.value).toBe('acme')
      })
    })

    test('an async handler stays in the context, and its failure is its own', async () => {
      const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
      await withEventContext({ headers }, async () => {
        await new Promise(setImmediate)
        expect(trace.getActiveSpan()?.spanContext().traceId).toBe('a'.repeat(32))
      })
      await expect(
        withEventContext({ headers }, () => Promise.reject(new RangeError('mine'))),
      ).rejects.toThrow(RangeError)
    })
  })

  test('untraced: nothing is recorded; detached: a trace of its own', () => {
    untraced(() => inSpan(() => undefined))
    expect(tracing.spans()).toEqual([])
    inSpan(() => detached(() => inSpan(() => expect(prepared()).not.toBeNull())))
    expect(tracing.spans().map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined, undefined])
  })

  describe('a propagator that is broken never fails an emit:', () => {
    const set = (propagator: Partial<TextMapPropagator>): void => {
      propagation.disable()
      propagation.setGlobalPropagator({ fields: () => [], ...propagator } as TextMapPropagator)
    }
    afterEach(() => propagation.disable())

    test('one that throws', () => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
      const fail = (): never => {
        throw new Error('broken')
      }
      set({ inject: fail, extract: fail })
      expect(prepared({ a: '1' })).toBe('{"a":"1"}')
      expect(prepared()).toBeNull()
      expect(withEventContext({ headers: {} }, () => 1)).toBe(1)
      expect(warn).toHaveBeenCalledTimes(1)
      expect(warn.mock.calls[0]?.[0]).toContain('broken')
      expect(warn.mock.calls[0]?.[1]).toEqual({ type: 'OutboxWarning', code: 'OUTBOX_TRACING' })
      warn.mockRestore()
    })

    test.each([
      ['id', 'x'],
      ['CE_id', 'x'],
      ['content-type', 'x'],
      ['outbox-x', 'x'],
      ['', 'x'],
      ['a\nb', 'x'],
      ['a', 'x\ny'],
      ['a', '\u0000'],
      ['a', '\ud800'],
      ['a', 1],
      ['a', undefined],
      ['a', 'x'.repeat(20_000)],
    ])('one that sets %j to %j', (name, value) => {
      set({
        inject: (_, carrier, setter) => {
          setter.set(carrier, name, value as string)
          setter.set(carrier, 'good', '1')
        },
      })
      expect(prepared({ own: '1' })).toBe('{"own":"1","good":"1"}')
    })

    test('one that writes into the carrier itself', () => {
      set({ inject: (_, carrier) => void Object.assign(carrier as object, { traceparent: 'x' }) })
      expect(prepared()).toBe('{"traceparent":"x"}')
    })

    test('header names that a propagator asks for are found in any case', () => {
      const seen: unknown[] = []
      const extract: TextMapPropagator['extract'] = (active, carrier, getter) => {
        seen.push(getter.get(carrier, 'X-Trace'), getter.get(carrier, 'constructor'), getter.keys(carrier))
        return active
      }
      set({ extract })
      withEventContext({ headers: { 'x-trace': '1' } }, () => undefined)
      expect(seen).toEqual(['1', undefined, ['x-trace']])
    })

    test('one that gives back no context', () => {
      set({ inject: () => undefined, extract: () => undefined as never })
      expect(withEventContext({ headers: {} }, () => 1)).toBe(1)
    })
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['runs nothing', () => undefined],
  ])('a context manager that %s still lets the work run, once', (_, broken) => {
    const slot = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as {
      context: unknown
    }
    const before = slot.context
    slot.context = { active: () => ROOT_CONTEXT, with: broken }
    const run = vi.fn<() => string>(() => 'done')
    try {
      expect(untraced(run)).toBe('done')
      expect(run).toHaveBeenCalledTimes(1)
    } finally {
      slot.context = before
    }
  })
})
