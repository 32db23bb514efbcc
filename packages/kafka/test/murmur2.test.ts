import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from '../src/index.js'

describe('murmur2', () => {
  // The vectors of Kafka's own UtilsTest.
  it.each([
    ['21', -973932308],
    ['abc', 479470107],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('hashes %s as the Java client does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash)
  })

  // Read back from topics that Debezium had written (6 partitions).
  it.each([
    ['k1', 5],
    ['k2', 3],
    ['k3', 4],
    ['user-42', 4],
    ['ключ', 2],
    ['', 3],
    ['00000000-0000-7000-8000-000000000001', 2],
    ['a'.repeat(100), 0],
  ])('puts the key %j where Debezium puts it', (key, partition) => {
    expect(partitionOf(Buffer.from(key), 6)).toBe(partition)
  })
})
