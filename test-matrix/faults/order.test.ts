import { expect, test } from 'vitest'
import { isLong, openStage, orderEvents, seedOr } from './stage.js'

// Faults 1, 17 and 48: many writers on few keys, transactions that hold an early position for seconds, a transaction
// that writes elsewhere; meanwhile owners are killed, restarted, and replaced by a standby.
test(
  `${orderEvents} contended events arrive once or more, in order, through kill -9 and take-over`,
  { timeout: isLong ? 1_800_000 : 300_000 },
  async () => {
    await using stage = await openStage({ seed: seedOr(48) })
    await stage.relay('a').waitFor('owner')
    await stage.relay('b').waitFor('standby')
    await stage.write(
      {
        events: orderEvents,
        holders: 5,
        holdMs: isLong ? [5_000, 30_000] : [5_000, 8_000],
        thinkMs: 12,
      },
      async () => {
        const kills = isLong ? 12 : 3
        for (let index = 1; index <= kills; index += 1) {
          await stage.committedAtLeast((orderEvents * index) / (kills + 1), 1_700_000)
          const owner = await stage.owner()
          await stage.kill9(owner)
          // The killed one comes back, as the new standby.
          stage.relay(`${owner.name.slice(0, 1)}${index}`)
          expect((await stage.owner()).name).not.toBe(owner.name)
        }
      },
    )
    const report = await stage.check({ minEmitted: orderEvents })
    expect(report.failures).toEqual([])
    expect(Object.keys(report.byOrm).sort()).toEqual(['drizzle', 'knex', 'prisma'])
    for (const counts of Object.values(report.byOrm)) {
      expect(counts.emitted).toBeGreaterThan(orderEvents / 10)
      expect(counts.rolledBack).toBeGreaterThan(orderEvents / 100)
    }
  },
)
