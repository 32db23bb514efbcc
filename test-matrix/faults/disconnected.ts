import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Report } from '../checker/index.js'
import { openStage, seedOr, type DatabaseName } from './stage.js'

/** Fault 11, again and again: the relays go on by themselves. */
export async function disconnected(on: DatabaseName, rounds: number): Promise<Report> {
  await using stage = await openStage({ on, seed: seedOr(11) })
  const first = stage.relay('a')
  await first.waitFor('owner')
  const second = stage.relay('b')
  await second.waitFor('standby')
  const events = rounds * 500
  await stage.write({ events, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      await stage.committedAtLeast(round * 450)
      await stage.endRelayConnections()
      await sleep(200)
    }
  })
  const report = await stage.check({ minEmitted: events })
  expect(first.isAlive && second.isAlive).toBe(true)
  expect([...first.states, ...second.states]).toContainEqual(expect.objectContaining({ state: 'fault' }))
  return report
}
