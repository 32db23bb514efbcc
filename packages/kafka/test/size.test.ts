import { describe, expect, it } from 'vitest'
import type { DriverRecord } from '../src/driver.js'
import { batchOverhead, bodySize, sizeInBatch } from '../src/size.js'

const recordSize = (record: DriverRecord, offsetDelta: number): number =>
  sizeInBatch(bodySize(record), offsetDelta)

describe('record size', () => {
  it('counts lengths, attributes, deltas and one byte per absent field', () => {
    // length, attributes, timestamp delta, offset delta, null key, null value, header count
    expect(recordSize({ key: null, value: null, headers: [] }, 0)).toBe(7)
  })

  it('counts UTF-8 bytes, headers and lengths of more than one byte', () => {
    const record = {
      key: 'ключ',
      value: 'x'.repeat(1000),
      headers: [
        ['h', 'é'],
        ['n', null],
      ] as const,
    }
    // 2 + 1, key 1 + 8, value 2 + 1000, count 1, (1 + 1) + (1 + 2), (1 + 1) + 1; then its own length in 2 bytes
    expect(recordSize(record, 0)).toBe(2 + 3 + 9 + 1002 + 1 + 5 + 3)
  })

  it('grows with the offset in the batch', () => {
    const record = { key: null, value: null, headers: [] }
    expect(recordSize(record, 63)).toBe(7)
    expect(recordSize(record, 64)).toBe(8)
    expect(recordSize(record, 8192)).toBe(9)
  })

  it('knows the size of the head of a batch', () => {
    expect(batchOverhead).toBe(8 + 4 + 4 + 1 + 4 + 2 + 4 + 8 + 8 + 8 + 2 + 4 + 4)
  })
})
