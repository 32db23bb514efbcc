import type { DriverRecord, PartitionBatch } from '../driver.js'

/** As the native part takes a header: an object with one property. */
export type NativeHeader = Readonly<Record<string, Buffer>>

/** Why a batch cannot be handed over as it is: the native part would cut a name short. `undefined`: it can. */
export function unsendable({ records }: PartitionBatch): string | undefined {
  const bad = records.some(({ headers }) => headers.some(([name]) => name.includes('\0')))
  return bad ? 'librdkafka takes no header whose name has a NUL character' : undefined
}

export function toHeaders(headers: DriverRecord['headers']): NativeHeader[] {
  return headers.map(([name, value]) => ({ [name]: headerValue(value) }))
}

/**
 * A text with a NUL character would be cut short in the native part; a buffer is taken as it is.
 */
function headerValue(value: string | null): Buffer {
  return toBuffer(value) ?? noMemory
}

export function toBuffer(value: Uint8Array | string | null): Buffer | null {
  if (value === null) return null
  if (value.length === 0) return empty
  if (typeof value === 'string') return Buffer.from(value)
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** The native part hands on an address, and librdkafka writes what has none as null, whatever its length. */
const noMemory = Buffer.alloc(0)
/** No bytes at an address. */
const empty = Buffer.from('-').subarray(0, 0)
