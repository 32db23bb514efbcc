import { cloudEvents, debezium, type Envelope, type OutboxMessage, type StoredEvent } from '@outboxkit/core'

/** The event that docs/envelopes.md shows in every envelope. */
const event: StoredEvent = {
  position: 42,
  id: '01a20e81-0a9b-7763-ba98-23757efb7e34',
  aggregateType: 'order',
  aggregateId: '1001',
  type: 'order.placed',
  payload: '{"total":12.50,"currency":"EUR"}',
  headers: '{"tenant":"acme"}',
  topic: null,
  createdAt: '2026-11-24T09:30:00.123456Z',
}

const envelopes: Readonly<Record<string, Envelope>> = {
  'cloudevents.txt': cloudEvents(),
  'cloudevents-structured.txt': cloudEvents({ mode: 'structured' }),
  'debezium.txt': debezium(),
}

/** The example messages by file name, as docs/examples/*.txt hold them. */
export function exampleMessages(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(envelopes).map(([file, envelope]) => [file, show(envelope.toMessage(event))]),
  )
}

function show({ key, value, headers }: OutboxMessage): string {
  const text = typeof value === 'string' ? value : value === null ? '(none)' : Buffer.from(value).toString()
  const lines = headers.map(([name, content]) => `  ${name}: ${content ?? '(none)'}`)
  return [
    `topic:   outbox.event.order`,
    `key:     ${key ?? '(none)'}`,
    'headers:',
    ...lines,
    `value:   ${text}`,
    '',
  ].join('\n')
}
