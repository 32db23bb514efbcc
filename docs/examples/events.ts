import { defineEvents, typed } from '@outboxkit/core'

export const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ total: number; currency: string }>() },
  'order.cancelled': { aggregateType: 'order', payload: typed<{ reason: string }>() },
})
