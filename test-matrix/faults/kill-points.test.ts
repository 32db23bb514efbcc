import { expect, test } from 'vitest'
import { openStage, seedOr } from './stage.js'

// Faults 1 to 3: kill -9 before the send, after the broker's acknowledgement, and while the rows leave. Each is
// survived twice: a standby takes over, and a relay that was alone is started again.
//
// After an acknowledgement the rows are still there: the batch must come again, with the same bytes.
test.each([
  ['before-send', 1, 0],
  ['after-ack', 2, 1],
  ['during-settle', 3, 0],
] as const)('kill -9 %s', async (point, seed, leastDuplicates) => {
  await using stage = await openStage({ seed: seedOr(seed) })
  const first = stage.relay('first', { dieAt: { point, occurrence: 20 } })
  await first.waitFor('owner')
  const standby = stage.relay('standby', { dieAt: { point, occurrence: 40, delayMs: 3 } })
  await standby.waitFor('standby')
  await stage.write({ events: 2_500, holders: 3, holdMs: [300, 900], thinkMs: 60 }, async () => {
    await stage.diesAt(first, point)
    await standby.waitFor('owner')
    await stage.diesAt(standby, point)
    await stage.relay('restarted').waitFor('owner')
  })
  const report = await stage.check({ minEmitted: 2_500 })
  expect(report.failures).toEqual([])
  expect(report.total.duplicates).toBeGreaterThanOrEqual(leastDuplicates)
})
