import type { StoredEvent } from '@outboxkit/core'

/** A stored event for tests; `position` also makes the id. */
export function storedEvent(position: number, fields: Partial<StoredEvent> = {}): StoredEvent {
  return {
    position,
    id: `00000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    aggregateType: 'order',
    aggregateId: `k${position}`,
    type: 'order.placed',
    payload: '{}',
    headers: null,
    topic: null,
    createdAt: '2026-01-02T03:04:05.678901Z',
    ...fields,
  }
}
