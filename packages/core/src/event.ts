/** A Kafka key and the second half of the ordering scope. `null`: no key and no order. */
export type AggregateId = string | number | bigint | null

/** What an application emits. */
export interface OutboxEvent<Type extends string = string, Payload = unknown> {
  /** Kind of aggregate, e.g. `order`. Routes to the topic `outbox.event.<aggregateType>` by default. */
  readonly aggregateType: string
  /** The Kafka key. Events of one aggregate keep their order. Numbers must be safe integers. */
  readonly aggregateId: AggregateId
  /** Name of the event, e.g. `order.placed`. */
  readonly type: Type
  /** JSON; a `Uint8Array` when the table stores bytes. */
  readonly payload: Payload
  /** Own headers. `id`, `content-type`, `ce_*` and `outbox-*` are reserved. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** This event's own topic; wins over every other routing. */
  readonly topic?: string | undefined
  /** A UUID. Default: a new UUIDv7. */
  readonly id?: string | undefined
}

/** An outbox row as a relay reads it. Nothing in it has been interpreted yet: see the envelopes. */
export interface StoredEvent {
  readonly position: number
  readonly id: string
  readonly aggregateType: string
  readonly aggregateId: string | null
  readonly type: string
  /** JSON text exactly as it was written, or the stored bytes. */
  readonly payload: string | Uint8Array | null
  /** JSON text of an object of strings, as stored. */
  readonly headers: string | null
  readonly topic: string | null
  /** The database's time of the insert: RFC 3339, UTC, microseconds. */
  readonly createdAt: string
}

/** The ordering scope of an event: aggregate type and id. `null` when the event has no order. */
export function scopeOf(event: Pick<StoredEvent, 'aggregateType' | 'aggregateId'>): string | null {
  // A length prefix keeps ('a:b', 'c') and ('a', 'b:c') apart.
  return event.aggregateId === null
    ? null
    : `${event.aggregateType.length}:${event.aggregateType}:${event.aggregateId}`
}

/** Approximate size of an event in memory and on the wire, in bytes. */
export function sizeOf(event: StoredEvent): number {
  const payload =
    event.payload === null
      ? 0
      : typeof event.payload === 'string'
        ? Buffer.byteLength(event.payload)
        : event.payload.byteLength
  return payload + (event.headers?.length ?? 0) + (event.aggregateId?.length ?? 0) + event.type.length + 100
}
