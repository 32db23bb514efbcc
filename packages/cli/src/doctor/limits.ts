/** Above which something is said. */
export interface DoctorLimits {
  /** Age of a transaction that is still open, or prepared, in ms. Default 300,000. */
  readonly oldTransactionMs: number
  /** Age of what a replica or a slot keeps from being cleaned, in transactions. Default 1,000,000. */
  readonly oldSnapshotTransactions: number
  /** Age of the oldest event that is not published, in ms. Default 300,000. */
  readonly oldBacklogMs: number
  /** Dead rows of one table. Default 1,000,000. */
  readonly deadRows: number
  /** Undo logs that wait for purge, on MySQL and MariaDB. Default 1,000,000. */
  readonly historyLength: number
  /** Difference between the clocks of this machine and of the database, in ms. Default 1,000. */
  readonly clockMs: number
}

export const defaultLimits: DoctorLimits = {
  oldTransactionMs: 300_000,
  oldSnapshotTransactions: 1_000_000,
  oldBacklogMs: 300_000,
  deadRows: 1_000_000,
  historyLength: 1_000_000,
  clockMs: 1_000,
}

/** `3 d 4 h`, `2 h 5 min`, `10 min`, `12 s`, `5 ms`: two units at most. */
export function humanMs(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const
  const first = units.findIndex(([, size]) => ms >= size)
  if (first < 0) return `${Math.round(ms)} ms`
  let rest = ms
  return units
    .slice(first, first + 2)
    .flatMap(([unit, size]) => {
      const count = Math.floor(rest / size)
      rest -= count * size
      return count === 0 ? [] : [`${count} ${unit}`]
    })
    .join(' ')
}

export function humanBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const value = bytes / 1_000 ** power
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}
