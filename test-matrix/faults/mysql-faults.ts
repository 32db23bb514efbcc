import { expect, test } from 'vitest'
import type { PlantedFault } from '../workload/relay-config.js'
import { contended } from './contended.js'
import { disconnected } from './disconnected.js'
import { long, notFound, short } from './planted.js'
import { isLong, openStage, orderEvents, seedOr, type DatabaseName } from './stage.js'

/** What every run checks on MySQL and on MariaDB; `npm run matrix` runs the order test in its full length. */
export function faultsOn(on: DatabaseName): void {
  const events = isLong ? orderEvents : 3_500
  test(
    `${events} contended events arrive once or more, in order, through kill -9 and take-over`,
    { timeout: isLong ? 1_800_000 : 300_000 },
    async () => {
      const { failures } = await contended(on, events, isLong ? 12 : 2)
      expect(failures).toEqual([])
    },
  )

  // Faults 1 to 3, one after the other, each while the next relay stands by.
  test('kill -9 before the send, after the acknowledgement, and while the rows leave', async () => {
    await using stage = await openStage({ on, seed: seedOr(3) })
    const points = ['before-send', 'after-ack', 'during-settle'] as const
    const relays = points.map((point, index) =>
      stage.relay(point, { dieAt: { point, occurrence: 20, ...(index === 2 ? { delayMs: 3 } : {}) } }),
    )
    await stage.write({ events: 3_000, holders: 3, holdMs: [300, 900], thinkMs: 60 }, async () => {
      await Promise.all(relays.map((relay, index) => stage.diesAt(relay, points[index]!)))
      await stage.relay('last').waitFor('owner')
    })
    const report = await stage.check({ minEmitted: 3_000 })
    expect(report.failures).toEqual([])
    // After an acknowledgement the rows are still there: the batch must come again, with the same bytes.
    expect(report.total.duplicates).toBeGreaterThan(0)
  })

  test('KILL of every connection of the relays, again and again', async () => {
    const { failures } = await disconnected(on, 4)
    expect(failures).toEqual([])
  })

  // A wrong reading must be found out; the right one passes in the order test.
  test.each<[PlantedFault, number, readonly [number, number]]>([
    ['plain-cursor', 1_200, short],
    ['aged-holes', 2_500, long],
  ])('a wrong relay is found: %s', async (planted, least, holdMs) => {
    expect(await notFound(['misordered'], on, planted, least, holdMs)).toEqual([])
  })
}
