import type { DriverRecord } from './driver.js'

/**
 * Bytes of a record batch (message format 2) beside its records. `max.message.bytes` limits the whole batch.
 */
export const batchOverhead = 61

/** The broker's default of `max.message.bytes`. */
export const defaultMaxMessageBytes = 1_000_012

/** Bytes of a record without its length and its place in the batch: what does not depend on the batch. */
export function bodySize(record: DriverRecord): number {
  // attributes and timestamp delta: a byte each
  let body = 2
  body += fieldSize(byteLength(record.key)) + fieldSize(byteLength(record.value))
  body += varintSize(record.headers.length)
  for (const [name, value] of record.headers)
    body += fieldSize(byteLength(name)) + fieldSize(byteLength(value))
  return body
}

/**
 * Bytes of one uncompressed record of so many {@link bodySize bytes} at `offsetDelta` of its batch, when all records
 * have the same timestamp.
 */
export function sizeInBatch(bodyBytes: number, offsetDelta: number): number {
  const body = bodyBytes + varintSize(offsetDelta)
  return varintSize(body) + body
}

/** A length (-1: null) and the bytes that follow it. */
function fieldSize(length: number): number {
  return varintSize(length) + Math.max(length, 0)
}

function byteLength(value: Uint8Array | string | null): number {
  if (value === null) return -1
  return typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
}

/** Of a zigzag-encoded integer. */
function varintSize(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  let size = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    size += 1
  }
  return size
}
