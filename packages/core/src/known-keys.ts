import { OutboxError, type OutboxErrorCode } from './errors.js'

/**
 * Throws `OUTBOX_OPTION_INVALID` (or `code`) for a key that is not in `known`, naming the nearest one that is.
 * `where` is the name of the options for people, e.g. `withOutbox()`. The key `internal` is known, but not told.
 */
export function rejectUnknownKeys(
  options: object,
  known: readonly string[],
  where: string,
  code: OutboxErrorCode = 'OUTBOX_OPTION_INVALID',
): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const told = known.filter((name) => name !== 'internal')
    const nearest = nearestName(key, told)
    const hint = nearest === undefined ? `It has: ${told.join(', ')}.` : `Did you mean '${nearest}'?`
    throw new OutboxError(
      code,
      `${where} has no ${code === 'OUTBOX_OPTION_INVALID' ? 'option' : 'field'} '${key}'. ${hint}`,
      {
        details: { key },
      },
    )
  }
}

/** The name that `key` was probably meant to be; `undefined` when none is near. */
export function nearestName(key: string, known: readonly string[]): string | undefined {
  const ranked = known.map((name) => ({
    name,
    distance: editDistance(key.toLowerCase(), name.toLowerCase()),
  }))
  ranked.sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(2, Math.floor(key.length / 3))
    ? best.name
    : undefined
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
