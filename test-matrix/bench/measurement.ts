import { spreadOf, type Spread } from './statistics.js'

/** What one run found: the value, and what it is measured against in the same run. */
export interface Pair {
  readonly value: number
  /** `null`: there is no ceiling; the value stands alone. */
  readonly against: number | null
}

/**
 * Which of the figures the aim is about. `ratio`: value / against; `difference`: value - against.
 * Judged by the median of the runs.
 */
export interface Aim {
  readonly of: 'value' | 'ratio' | 'difference'
  readonly most?: number
  readonly least?: number
}

/** The same measurement, several times. */
export interface Series {
  /** The bench and the case, e.g. `emit: one event, awaited`. */
  readonly bench: string
  readonly database: string | null
  readonly orm: string | null
  readonly driver: string | null
  readonly unit: string
  readonly aim: Aim | null
  /** What `against` is, in words. */
  readonly ceiling: string | null
  readonly pairs: readonly Pair[]
  /** What a reader has to know, e.g. where the time went, or why there is no figure. */
  readonly note?: string
}

/** One line of `--json`. The figures are medians; `runs` has all of them. */
export interface Measurement {
  readonly bench: string
  readonly database: string | null
  readonly orm: string | null
  readonly driver: string | null
  readonly value: number | null
  readonly unit: string
  readonly against: number | null
  readonly ratio: number | null
  readonly aim: string | null
  readonly reached: boolean | null
  readonly spread: {
    readonly value: Spread
    readonly against: Spread | null
    readonly ratio: Spread | null
  } | null
  readonly runs: readonly Pair[]
  readonly ceiling: string | null
  readonly note: string | null
}

export function summarize(series: Series): Measurement {
  const { bench, database, orm, driver, unit, aim, ceiling, pairs, note = null } = series
  const values = spreadOf(pairs.map(({ value }) => value))
  const ceilings = pairs.flatMap(({ against }) => (against === null ? [] : [against]))
  const isPaired = pairs.length > 0 && ceilings.length === pairs.length
  const against = isPaired ? spreadOf(ceilings) : null
  // Of each run by itself: a machine that is slower for a while is slower for both.
  const ratio = isPaired ? spreadOf(pairs.map((pair) => pair.value / (pair.against as number))) : null
  const difference = isPaired ? spreadOf(pairs.map((pair) => pair.value - (pair.against as number))) : null
  const judged = aim === null ? undefined : { value: values, ratio, difference }[aim.of]
  return {
    bench,
    database,
    orm,
    driver,
    value: values?.median ?? null,
    unit,
    against: against?.median ?? null,
    ratio: ratio?.median ?? null,
    aim: aim === null ? null : aimText(aim, unit),
    // An aim without a figure is not reached.
    reached: aim === null ? null : isReached(aim, judged?.median),
    spread: values === null ? null : { value: values, against, ratio },
    runs: pairs,
    ceiling,
    note,
  }
}

function isReached({ most = Infinity, least = -Infinity }: Aim, figure: number | undefined): boolean {
  return figure !== undefined && figure <= most && figure >= least
}

function aimText({ of, most, least }: Aim, unit: string): string {
  const what = { value: '', ratio: 'ratio ', difference: 'on top ' }[of]
  const suffix = of === 'ratio' ? '' : ` ${unit}`
  return [
    ...(most === undefined ? [] : [`${what}<= ${most}${suffix}`]),
    ...(least === undefined ? [] : [`${what}>= ${least}${suffix}`]),
  ].join(', ')
}
