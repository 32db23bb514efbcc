import type { MessageRecord } from '@platformatic/kafka'
import type { DriverRecord, PartitionBatch } from '../driver.js'

/** The records of a batch as @platformatic/kafka encodes them. `timestamp`: milliseconds since 1970. */
export function toMessages(
  { topic, partition, records }: PartitionBatch,
  timestamp: bigint,
): MessageRecord[] {
  return records.map((record) => ({
    topic,
    partition,
    timestamp,
    // The encoder writes -1 as the length of what is missing, which its type does not say.
    key: bytes(record.key) as Buffer,
    value: bytes(record.value) as Buffer,
    headers: toHeaders(record.headers),
  }))
}

/** Every name is a buffer of its own, so that a name that comes twice is two entries of the map. */
function toHeaders(headers: DriverRecord['headers']): Map<Buffer, Buffer> {
  return new Map(headers.map(([name, value]) => [Buffer.from(name), bytes(value) as Buffer]))
}

function bytes(value: Uint8Array | string | null): Buffer | null {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value)
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
