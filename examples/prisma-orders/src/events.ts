import { defineEvents, typed } from '@outboxkit/prisma'

/** What the service tells the world. Consumers can import the same file. */
export const events = defineEvents({
  'order.placed': {
    aggregateType: 'account',
    payload: typed<{ orderId: string; version: number; total: number; channel: string }>(),
  },
  'order.cancelled': {
    aggregateType: 'account',
    payload: typed<{ orderId: string; version: number; channel: string }>(),
  },
})
