import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { relayApplication } from '../workload/relay-child.js'
import { openStage, seedOr } from './stage.js'

// Fault 11: in whatever the relay is doing at that moment - idle, reading, settling, renewing.
test('pg_terminate_backend of every connection of the relays, again and again', async () => {
  await using stage = await openStage({ seed: seedOr(11) })
  const first = stage.relay('a')
  await first.waitFor('owner')
  const second = stage.relay('b')
  await second.waitFor('standby')
  await stage.write({ events: 4_000, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    for (let round = 1; round <= 8; round += 1) {
      await stage.committedAtLeast(round * 450)
      await stage.fault('pg_terminate_backend', async () => {
        const [row] = await stage.query(
          `select count(pg_terminate_backend(pid)) as ended from pg_stat_activity where application_name = any($1)`,
          [['a', 'b'].map((name) => relayApplication(stage.place.schema, name))],
        )
        if (Number(row?.['ended']) === 0) throw new Error('no connection of a relay was found')
      })
      await sleep(200)
    }
  })
  const report = await stage.check({ minEmitted: 4_000 })
  expect(report.failures).toEqual([])
  expect(first.isAlive && second.isAlive).toBe(true)
  expect([...first.states, ...second.states]).toContainEqual(expect.objectContaining({ state: 'fault' }))
})
