import type { Counts, Report } from '../checker/index.js'
import type { PlantedFault } from '../workload/relay-config.js'
import { openStage, seedOr, type DatabaseName } from './stage.js'

/** Transactions that outlive the age of `aged-holes`, each with writers queuing behind it. */
export const long = [2_600, 3_500] as const
export const short = [500, 1_500] as const

/** A run with a wrong relay, or with a right one, which a right one ends. */
export async function runPlanted(
  on: DatabaseName,
  planted: PlantedFault | undefined,
  events: number,
  holdMs: readonly [number, number],
  attempt = 0,
): Promise<Report> {
  await using stage = await openStage({ on, seed: seedOr(17) + attempt })
  const wrong = stage.relay('wrong', planted === undefined ? {} : { planted })
  await wrong.waitFor('owner')
  const restart = async (): Promise<void> => {
    await stage.kill9(wrong)
    await stage.relay('right').waitFor('owner')
  }
  const isCaughtInTheAct = planted === 'early-mark'
  await stage.write({ events, holders: 6, queuers: 8, holdMs, thinkMs: 45 }, async () => {
    await stage.committedAtLeast(events)
    if (isCaughtInTheAct) await restart()
  })
  // What it has given up is found at a restart at the latest: behind its successors.
  if (!isCaughtInTheAct) await restart()
  return await stage.check({ minEmitted: events, ...(planted === undefined ? {} : { planted }) })
}

/**
 * Which of these kinds of failure a wrong relay was not found by. What it does wrong takes the right moment, which a busy
 * machine may miss: so it gets three runs, each with a seed of its own.
 */
export async function notFound(
  kinds: readonly (keyof Counts)[],
  ...[on, planted, events, holdMs]: [DatabaseName, PlantedFault, number, readonly [number, number]]
): Promise<readonly (keyof Counts)[]> {
  let missing = kinds
  for (let attempt = 0; missing.length > 0 && attempt < 3; attempt++) {
    const { total } = await runPlanted(on, planted, events, holdMs, attempt)
    missing = missing.filter((kind) => total[kind] === 0)
  }
  return missing
}
