import { describe, expect, test } from 'vitest'
import type { Counts } from '../checker/index.js'
import type { PlantedFault } from '../workload/relay-config.js'
import { long, notFound, runPlanted, short } from './planted.js'

// A checker that has never failed proves nothing: the same run with a wrong relay must be found out, and with the
// right one it must pass.
describe('wrong relays are found', () => {
  test('the right one passes', async () => {
    expect((await runPlanted('postgres', undefined, 2_500, long)).failures).toEqual([])
  })

  test.each<[PlantedFault, readonly [number, number], (keyof Counts)[]]>([
    ['plain-cursor', short, ['misordered']],
    ['aged-holes', long, ['misordered']],
    ['reordered', short, ['misordered']],
    ['failed-send', short, ['lost', 'falseMark']],
    ['early-mark', short, ['lost', 'falseMark']],
  ])('%s', async (planted, holdMs, kinds) => {
    expect(await notFound(kinds, 'postgres', planted, holdMs === long ? 2_500 : 1_200, holdMs)).toEqual([])
  })
})
