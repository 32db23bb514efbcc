import type { Series } from './measurement.js'
import type { BenchName } from './options.js'
import type { Stage } from './stage.js'

export interface Bench {
  readonly name: BenchName
  /** One line for people. */
  readonly title: string
  /** Hands over each series as soon as it is measured. */
  run(stage: Stage): AsyncIterable<Series>
}

/** Throws when events are missing or doubled: a figure of a relay that loses events means nothing. */
export function assertCount(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`)
}
