import type { LedgerRow } from './history.js'

/** How the relay of a run was configured, as far as it shows on the wire. */
export interface WireConfig {
  /** `ce_source`. */
  readonly source: string
  /** The topic template; only `{aggregateType}` is known here. */
  readonly topic: string
}

export interface ExpectedMessage {
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly value: string
  readonly headers: ReadonlyMap<string, string>
}

/**
 * The one message that an event may become (CloudEvents 1.0, Kafka binding, binary mode). Written from the
 * specification and on purpose without our envelope code.
 */
export function expectedMessage(
  row: LedgerRow,
  config: WireConfig,
  partitions: Readonly<Record<string, number>>,
): ExpectedMessage {
  const topic = row.topic ?? config.topic.replaceAll('{aggregateType}', row.aggregateType)
  const headers = new Map([
    ['ce_specversion', '1.0'],
    ['ce_id', row.eventId],
    ['ce_source', config.source],
    ['ce_type', row.type],
    ['ce_subject', row.aggregateId],
    ['ce_partitionkey', row.aggregateId],
    ['ce_aggregatetype', row.aggregateType],
    ['content-type', 'application/json'],
    ...Object.entries(row.headers),
  ])
  if (row.stored !== null) headers.set('ce_time', row.stored.createdAt)
  return {
    topic,
    partition: javaPartition(row.aggregateId, partitions[topic] ?? 1),
    key: row.aggregateId,
    value: row.payload,
    headers,
  }
}

/** The partition that Java's default partitioner gives to a key. */
export function javaPartition(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions
}

/** Kafka's murmur2 (seed 0x9747b28c), signed 32 bit. */
export function murmur2(data: Uint8Array): number {
  const multiplier = 0x5bd1e995
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const whole = data.length & ~3
  let hash = 0x9747b28c ^ data.length
  for (let offset = 0; offset < whole; offset += 4) {
    let word = Math.imul(view.getInt32(offset, true), multiplier)
    word = Math.imul(word ^ (word >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  for (let index = data.length - 1; index >= whole; index -= 1) hash ^= data[index]! << (8 * (index - whole))
  if (data.length > whole) hash = Math.imul(hash, multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}
