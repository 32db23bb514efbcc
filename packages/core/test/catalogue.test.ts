import { defineEvents, Outbox, typed, type StandardSchema } from '@outboxkit/core'
import * as valibot from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

const libraries: [string, StandardSchema<{ total: number; day: string }, { total: number; day: Date }>][] = [
  ['zod', z.object({ total: z.number(), day: z.string().transform((day) => new Date(day)) })],
  [
    'valibot',
    valibot.object({
      total: valibot.number(),
      day: valibot.pipe(
        valibot.string(),
        valibot.transform((day) => new Date(day)),
      ),
    }),
  ],
]

describe.each(libraries)('a catalogue with %s', (_, schema) => {
  const events = defineEvents({
    placed: { aggregateType: 'order', payload: schema },
    cancelled: { aggregateType: 'order', payload: typed<{ reason: string }>() },
  })
  const outbox = new Outbox({ events })
  const prepare = (event: object) => outbox.prepare([event as never])[0]

  test('stores the input of the schema, and the aggregate type of the catalogue', () => {
    const payload = { total: 1, day: '2026-01-02', more: true }
    expect(prepare({ type: 'placed', aggregateId: 1, payload })).toMatchObject({
      aggregateType: 'order',
      payload: JSON.stringify(payload),
    })
  })

  test('gives consumers its output', () => {
    expect(events.parsePayload('placed', { total: 1, day: '2026-01-02' })).toEqual({
      total: 1,
      day: new Date('2026-01-02'),
    })
  })

  test('refuses with the issues of the schema', () => {
    expect(() => prepare({ type: 'placed', aggregateId: 1, payload: { total: '1', day: 1 } })).toThrow(
      expect.objectContaining({
        code: 'OUTBOX_SCHEMA_MISMATCH',
        message: expect.stringMatching(/'placed'.*total: .*; day: /),
        details: { type: 'placed', issues: expect.arrayContaining([expect.anything(), expect.anything()]) },
      }),
    )
  })

  test('checks nothing of typed payloads', () => {
    expect(prepare({ type: 'cancelled', aggregateId: 1, payload: 1 })?.payload).toBe('1')
    expect(events.parsePayload('cancelled', 1)).toBe(1)
  })

  test.each(['shipped', 'constructor', '__proto__', 'toString'])('has no type %s', (type) => {
    const unknown = expect.objectContaining({
      code: 'OUTBOX_TYPE_UNKNOWN',
      message: expect.stringContaining('placed, cancelled'),
    })
    expect(() => prepare({ type, aggregateId: 1, payload: {} })).toThrow(unknown)
    expect(() => events.parsePayload(type, {})).toThrow(unknown)
  })

  test('refuses another aggregate type than its own', () => {
    const event = { type: 'cancelled', aggregateType: 'customer', aggregateId: 1, payload: {} }
    expect(() => prepare(event)).toThrow('customer')
    expect(prepare({ ...event, aggregateType: 'order' })).toBeDefined()
  })
})

function own(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as never } }
}

test.each<[string, StandardSchema]>([
  ['zod', z.object({}).refine(async () => true)],
  [
    'valibot',
    valibot.pipeAsync(
      valibot.object({}),
      valibot.checkAsync(async () => true),
    ),
  ],
  ['one that fails later', own(async () => Promise.reject(new Error('later')))],
  [
    'a thenable of another realm',
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried
    own(() => ({ then: (done: (value: unknown) => void) => done({ value: 1 }) })),
  ],
])('refuses a schema that validates asynchronously: %s', async (_, payload) => {
  const events = defineEvents({ slow: { aggregateType: 'order', payload } })
  const outbox = new Outbox({ events })
  expect(() => outbox.prepare([{ type: 'slow', aggregateId: 1, payload: {} } as never])).toThrow(
    expect.objectContaining({ code: 'OUTBOX_SCHEMA_ASYNC' }),
  )
  // A rejection later on is nobody's unhandled one.
  await new Promise((resolve) => setTimeout(resolve, 5))
})

describe('defineEvents', () => {
  test.each([
    [{ a: { payload: typed() } }, "'a' needs an aggregateType"],
    [{ a: { aggregateType: '', payload: typed() } }, "'a' needs an aggregateType"],
    [{ a: { aggregateType: 'x' } }, "payload of the event 'a'"],
    [{ a: { aggregateType: 'x', payload: {} } }, "payload of the event 'a'"],
    [{ a: { aggregateType: 'x', payload: null } }, "payload of the event 'a'"],
  ])('refuses %j', (definitions, message) => {
    expect(() => defineEvents(definitions as never)).toThrow(
      expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(message) }),
    )
  })

  test('is not changed by later changes of its argument', () => {
    const definitions = { a: { aggregateType: 'x', payload: typed() } }
    const events = defineEvents(definitions)
    Object.assign(definitions, { b: definitions.a })
    expect(Object.keys(events.definitions)).toEqual(['a'])
  })
})
