import { randomFillSync } from 'node:crypto'

interface UuidState {
  /** Milliseconds of the last id; never goes back, also when the clock does. */
  time: number
  /** The 74 random bits of the last id, as two numbers below 2^37. */
  high: number
  low: number
}

const slot = Symbol.for('outboxkit.uuid')
const limit = 2 ** 37
// Asking for random bytes costs far more than the bytes do: they are fetched for many ids at once.
const pool = Buffer.alloc(4096)
let unused = pool.length

/** Where in `pool` so many fresh bytes begin. */
function freshBytes(count: number): number {
  if (unused + count > pool.length) {
    randomFillSync(pool)
    unused = 0
  }
  const at = unused
  unused += count
  return at
}

/** One state per process, also when the ESM and the CommonJS build are both loaded. */
function state(): UuidState {
  const holder = globalThis as { [slot]?: UuidState }
  return (holder[slot] ??= { time: 0, high: 0, low: 0 })
}

/**
 * A UUIDv7 that is greater than every one made before in this process: within a millisecond, or while the clock
 * stands still or runs backwards, the random part counts up.
 */
export function uuidv7(now: number = Date.now()): string {
  const last = state()
  if (now > last.time) {
    last.time = now
    const at = freshBytes(10)
    // The top bit stays free so that counting up does not overflow soon.
    last.high = pool.readUIntBE(at, 5) % (limit / 2)
    last.low = pool.readUIntBE(at + 5, 5) % limit
  } else {
    last.low += 1 + pool.readUInt32BE(freshBytes(4))
    if (last.low >= limit) {
      last.low -= limit
      last.high += 1
    }
    if (last.high >= limit) {
      last.high = 0
      last.time += 1
    }
  }
  return format(last)
}

/** 48 bits of time, version 7, 12 bits, variant, 62 bits. */
function format({ time, high, low }: UuidState): string {
  const bits = (BigInt(high) << 37n) | BigInt(low)
  const timeHex = time.toString(16).padStart(12, '0')
  const a = Number(bits >> 62n) // 12 bits
  const rest = (bits & ((1n << 62n) - 1n)) | (1n << 63n)
  const restHex = rest.toString(16).padStart(16, '0')
  return `${timeHex.slice(0, 8)}-${timeHex.slice(8)}-7${a.toString(16).padStart(3, '0')}-${restHex.slice(0, 4)}-${restHex.slice(4)}`
}

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The UUID in lower case, or `undefined` when it is none. */
export function normalizeUuid(id: string): string | undefined {
  const lower = id.toLowerCase()
  return shape.test(lower) ? lower : undefined
}
