import { describe, expect, test } from 'vitest'
import type { Counts, Report } from '../checker/index.js'
import type { PlantedFault } from '../workload/relay-config.js'
import { openStage, seedOr } from './stage.js'

// A checker that has never failed proves nothing: the same run with a wrong relay must be found out, and with the
// right one it must pass.
async function run(
  planted: PlantedFault | undefined,
  events: number,
  holdMs: readonly [number, number],
): Promise<Report> {
  await using stage = await openStage({ seed: seedOr(17) })
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

// Transactions that outlive the age, each with writers queuing behind it.
const long = [6_500, 8_000] as const
const short = [500, 1_500] as const

describe('wrong relays are found', () => {
  test('the right one passes', async () => {
    expect((await run(undefined, 2_500, long)).failures).toEqual([])
  })

  test.each<[PlantedFault, readonly [number, number], (keyof Counts)[]]>([
    ['plain-cursor', short, ['misordered']],
    ['aged-holes', long, ['misordered']],
    ['reordered', short, ['misordered']],
    ['failed-send', short, ['lost', 'falseMark']],
    ['early-mark', short, ['lost', 'falseMark']],
  ])('%s', async (planted, holdMs, kinds) => {
    const { total } = await run(planted, holdMs === long ? 2_500 : 1_200, holdMs)
    for (const kind of kinds) expect(total[kind]).toBeGreaterThan(0)
  })
})
