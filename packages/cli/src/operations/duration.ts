import { OutboxError } from '@outboxkit/core'

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `500ms`, `30s`, `5m`, `2h`, `1d` in ms. Throws `OUTBOX_OPTION_INVALID`; `flag` is for its message. */
export function parseDuration(flag: string, text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? []
  const ms = Number(amount) * (units[unit] ?? Number.NaN)
  if (Number.isFinite(ms)) return ms
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `${flag} must be a duration like 500ms, 30s, 5m, 2h or 1d, got ${JSON.stringify(text)}.`,
  )
}

/** For people: the two largest units, e.g. `3m 12s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`
  const seconds = Math.floor(ms / 1_000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([amount]) => amount > 0)
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(' ')
}
