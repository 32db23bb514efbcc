import { gunzipSync } from 'node:zlib'
import { Reader } from './kafka-wire.js'

export interface TopicRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** In the order in which they are stored; a name may come more than once. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
  /** -1 for a producer that is not idempotent. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactional: boolean
}

/** A batch of the log, format 2. Control batches hold no messages: they end transactions. */
export interface RecordBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly producerId: bigint
  readonly transactional: boolean
  readonly control: boolean
  /** In a control batch: whether it aborts the transaction. */
  readonly aborts: boolean
  readonly records: readonly TopicRecord[]
}

/** The complete batches in the bytes of a fetch; the broker cuts the last one off where its limit lies. */
export function recordBatches(bytes: Buffer, partition: number): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let start = 0; start + 12 <= bytes.length;) {
    const end = start + 12 + bytes.readInt32BE(start + 8)
    if (end > bytes.length) break
    batches.push(recordBatch(bytes.subarray(start, end), partition))
    start = end
  }
  return batches
}

function recordBatch(bytes: Buffer, partition: number): RecordBatch {
  const reader = new Reader(bytes)
  const baseOffset = reader.int64()
  reader.take(4 + 4) // length, leader epoch
  const magic = reader.int8()
  if (magic !== 2) throw new Error(`record batch format ${magic} is not known`)
  reader.take(4) // checksum
  const attributes = reader.int16()
  const lastOffset = baseOffset + BigInt(reader.int32())
  const baseTimestamp = reader.int64()
  reader.take(8) // newest timestamp
  const producerId = reader.int64()
  const producerEpoch = reader.int16()
  reader.take(4) // base sequence
  const count = reader.int32()
  const transactional = (attributes & 16) !== 0
  const body = new Reader(decompressed(bytes.subarray(reader.offset), attributes & 7))
  const records = Array.from({ length: count }, (): TopicRecord => {
    const { offsetDelta, timestampDelta, ...content } = record(body)
    const offset = baseOffset + BigInt(offsetDelta)
    const timestamp = Number(baseTimestamp + timestampDelta)
    return { partition, offset, timestamp, producerId, producerEpoch, transactional, ...content }
  })
  const control = (attributes & 32) !== 0
  // The key of a control record: version, then 0 for an abort and 1 for a commit.
  const aborts = control && records[0]?.key?.readInt16BE(2) === 0
  return {
    baseOffset,
    lastOffset,
    producerId,
    transactional,
    control,
    aborts,
    records: control ? [] : records,
  }
}

function decompressed(bytes: Buffer, codec: number): Buffer {
  if (codec === 0) return bytes
  if (codec === 1) return gunzipSync(bytes)
  throw new Error(
    `compression ${['', '', 'snappy', 'lz4', 'zstd'][codec] ?? codec} is not supported by this reader`,
  )
}

type Content = Pick<TopicRecord, 'key' | 'value' | 'headers'>

function record(reader: Reader): Content & { offsetDelta: number; timestampDelta: bigint } {
  varint(reader) // length
  reader.int8() // attributes, unused
  const timestampDelta = varint(reader)
  const offsetDelta = Number(varint(reader))
  const key = nullable(reader)
  const value = nullable(reader)
  const headers = Array.from({ length: Number(varint(reader)) }, () => {
    const name = reader.take(Number(varint(reader))).toString('utf8')
    return [name, nullable(reader)] as const
  })
  return { timestampDelta, offsetDelta, key, value, headers }
}

function nullable(reader: Reader): Buffer | null {
  const length = Number(varint(reader))
  return length < 0 ? null : reader.take(length)
}

/** Seven bits per byte, the lowest first, and zigzag for the sign. */
function varint(reader: Reader): bigint {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.int8()
    value |= BigInt(byte & 127) << shift
    if ((byte & 128) === 0) break
  }
  return (value >> 1n) ^ -(value & 1n)
}
