import { defineEvents, typed, type Catalogue, type EventOf, type OutboxEvent } from '@outboxkit/core'
import * as valibot from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

const events = defineEvents({
  zod: { aggregateType: 'order', payload: z.object({ day: z.string().transform((day) => new Date(day)) }) },
  valibot: { aggregateType: 'order', payload: valibot.object({ total: valibot.number() }) },
  typed: { aggregateType: 'customer', payload: typed<{ tags?: string[] }>() },
  date: { aggregateType: 'customer', payload: typed<{ at: Date }>() },
  bigint: { aggregateType: 'customer', payload: z.object({ n: z.bigint() }) },
})
type Event = EventOf<typeof events>
type PayloadOf<T> = Extract<Event, { type: T }>['payload']

test('the payload is the input of the schema', () => {
  expectTypeOf<PayloadOf<'zod'>>().toEqualTypeOf<{ day: string }>()
  expectTypeOf<PayloadOf<'valibot'>>().toEqualTypeOf<{ total: number }>()
  expectTypeOf<{ tags: ['a'] }>().toExtend<PayloadOf<'typed'>>()
})

test('what is no JSON fits no payload', () => {
  expectTypeOf<{ at: Date }>().not.toExtend<PayloadOf<'date'>>()
  expectTypeOf<{ n: bigint }>().not.toExtend<PayloadOf<'bigint'>>()
})

test('aggregate ids are required, aggregate types are not', () => {
  expectTypeOf<{ type: 'typed'; aggregateId: number; payload: object }>().toExtend<Event>()
  expectTypeOf<{ type: 'typed'; payload: object }>().not.toExtend<Event>()
  expectTypeOf<{
    type: 'typed'
    aggregateType: 'order'
    aggregateId: 1
    payload: object
  }>().not.toExtend<Event>()
})

test('without a catalogue, any event', () => {
  expectTypeOf<EventOf<undefined>>().toEqualTypeOf<OutboxEvent>()
  expectTypeOf(events).toExtend<Catalogue>()
})
