/** Both sides of one run. */
export interface Sides<T> {
  readonly value: T
  readonly against: T
}

/**
 * Measures both sides `runs` times: A B, B A, A B. What drifts over the minutes (a disk that fills, a processor that
 * gets warm) meets both sides alike, and neither is always the one that goes first.
 */
export async function alternate<T>(
  runs: number,
  measure: { readonly value: () => Promise<T>; readonly against: () => Promise<T> },
): Promise<Sides<T>[]> {
  const pairs: Sides<T>[] = []
  for (let run = 0; run < runs; run++) {
    if (run % 2 === 0) {
      const value = await measure.value()
      pairs.push({ value, against: await measure.against() })
    } else {
      const against = await measure.against()
      pairs.push({ value: await measure.value(), against })
    }
  }
  return pairs
}

/** `runs` times, one after the other. */
export async function repeat<T>(runs: number, measure: (run: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let run = 0; run < runs; run++) results.push(await measure(run))
  return results
}
