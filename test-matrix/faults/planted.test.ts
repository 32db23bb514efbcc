import { describe, expect, test } from 'vitest'
import type { PlantedRule } from '../workload/relay-config.js'
import { openStage, seedOr } from './stage.js'

// A checker that has never failed proves nothing: the same run with a wrong reader must be found out, and with the
// right one it must pass.
describe('wrong readers are found', () => {
  const run = async (
    rule: PlantedRule | undefined,
  ): Promise<{ late: number; failures: readonly string[] }> => {
    await using stage = await openStage({ seed: seedOr(17) })
    const wrong = stage.relay('wrong', rule === undefined ? {} : { rule })
    await wrong.waitFor('owner')
    // Long enough for several transactions that outlive any reasonable age, each with writers queuing behind it.
    await stage.write({ events: 4_000, holders: 6, queuers: 8, holdMs: [6_500, 8_000], thinkMs: 45 })
    // What it has given up is found at a restart at the latest: behind its successors.
    await stage.kill9(wrong)
    await stage.relay('right').waitFor('owner')
    const report = await stage.check({ minEmitted: 4_000, requireFaults: true })
    return { late: report.total.misordered + report.total.lost, failures: report.failures }
  }

  test('the right one passes', async () => {
    expect((await run(undefined)).failures).toEqual([])
  })

  test('position > high only', async () => {
    expect((await run('none')).late).toBeGreaterThan(0)
  })

  test('holes given up after 5 s', async () => {
    expect((await run('age')).late).toBeGreaterThan(0)
  })
})
