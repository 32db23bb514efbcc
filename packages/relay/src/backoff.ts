/** Bounds of an exponential back-off, in ms. */
export interface BackoffBounds {
  readonly minMs: number
  readonly maxMs: number
}

/** A number from 0 (inclusive) to 1 (exclusive), as `Math.random` makes it. */
export type Random = () => number

/**
 * How long to wait before the next attempt, in ms, after `failures` attempts in a row have failed (from 1 on).
 *
 * The step doubles from `minMs` to `maxMs`; the wait is between half of it and all of it, so that relays which
 * failed together do not come back together, and yet nobody comes back at once.
 */
export function backoffMs(failures: number, bounds: BackoffBounds, random: Random = Math.random): number {
  if (failures <= 0) return 0
  // Past 2 ** 30 the power alone is days; the exponent is kept where numbers stay exact.
  const step = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(failures - 1, 30))
  return step / 2 + (random() * step) / 2
}
