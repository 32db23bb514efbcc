const seed = 0x9747b28c | 0
const m = 0x5bd1e995

/** The 32-bit murmur2 of Kafka's Java client (`Utils.murmur2`), as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = seed ^ length
  let offset = 0
  for (; offset + 4 <= length; offset += 4) {
    let k =
      byte(bytes, offset) |
      (byte(bytes, offset + 1) << 8) |
      (byte(bytes, offset + 2) << 16) |
      (byte(bytes, offset + 3) << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(k, m)
  }
  const rest = length - offset
  if (rest === 3) hash ^= byte(bytes, offset + 2) << 16
  if (rest >= 2) hash ^= byte(bytes, offset + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(bytes, offset), m)
  hash ^= hash >>> 13
  hash = Math.imul(hash, m)
  return hash ^ (hash >>> 15)
}

/** The partition where the Java client (and so Debezium) puts a key. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}
