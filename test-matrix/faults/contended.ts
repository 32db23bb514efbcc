import { expect } from 'vitest'
import type { Report } from '../checker/index.js'
import type { RelayConfig } from '../workload/relay-config.js'
import { isLong, openStage, seedOr, type DatabaseName } from './stage.js'

/**
 * Faults 1, 17 and 48: many writers on few keys, transactions that hold an early position for seconds, a transaction
 * that writes elsewhere; meanwhile owners are killed, restarted, and replaced by a standby.
 */
export async function contended(
  on: DatabaseName,
  events: number,
  kills: number,
  relay: Partial<RelayConfig> = {},
): Promise<Report> {
  await using stage = await openStage({ on, seed: seedOr(48) })
  await stage.relay('a', relay).waitFor('owner')
  await stage.relay('b', relay).waitFor('standby')
  await stage.write(
    { events, holders: 5, holdMs: isLong ? [5_000, 30_000] : [5_000, 8_000], thinkMs: 12 },
    async () => {
      for (let index = 1; index <= kills; index += 1) {
        await stage.committedAtLeast((events * index) / (kills + 1), 1_700_000)
        const owner = await stage.owner()
        await stage.kill9(owner)
        // The killed one comes back, as the new standby.
        stage.relay(`${owner.name.slice(0, 1)}${index}`, relay)
        expect((await stage.owner()).name).not.toBe(owner.name)
      }
    },
  )
  const report = await stage.check({ minEmitted: events })
  expect(Object.keys(report.byOrm).sort()).toEqual(['drizzle', 'knex', 'prisma'])
  for (const counts of Object.values(report.byOrm)) {
    expect(counts.emitted).toBeGreaterThan(events / 10)
    expect(counts.rolledBack).toBeGreaterThan(events / 100)
  }
  return report
}
