import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isLong, openStage, seedOr } from './stage.js'

// Fault 4.
test('kill -9 of every relay at once, again and again', { timeout: isLong ? 900_000 : 300_000 }, async () => {
  const rounds = isLong ? 50 : 5
  await using stage = await openStage({ seed: seedOr(4) })
  const events = rounds * 400
  await stage.write({ events, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const relays = ['a', 'b'].map((name) => stage.relay(`${name}${round}`))
      const owner = await stage.owner()
      await owner.waitFor('published')
      await sleep(Math.floor(((round * 7919) % 13) * 25))
      await Promise.all(relays.map((relay) => stage.kill9(relay)))
    }
    stage.relay('last')
  })
  const report = await stage.check({ minEmitted: events })
  expect(report.failures).toEqual([])
})

// Fault 5. The owner that wakes up has lost its lease and may at most repeat what it had read.
test('SIGSTOP past the lease, then SIGCONT', async () => {
  await using stage = await openStage({ seed: seedOr(5) })
  const first = stage.relay('a')
  await first.waitFor('owner')
  const second = stage.relay('b')
  await second.waitFor('standby')
  await stage.write({ events: 4_000, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    for (const [sleeper, other] of [
      [first, second],
      [second, first],
    ] as const) {
      await stage.owner()
      await sleep(500)
      await stage.fault(`SIGSTOP ${sleeper.name}`, () => sleeper.kill('SIGSTOP'))
      const epochs = other.epoch
      await other.waitFor('owner', ({ epoch }) => epoch > epochs)
      await sleep(700)
      await stage.fault(`SIGCONT ${sleeper.name}`, () => sleeper.kill('SIGCONT'))
      await sleeper.waitForLast('standby')
    }
  })
  const report = await stage.check({ minEmitted: 4_000 })
  expect(report.failures).toEqual([])
  expect(first.isAlive && second.isAlive).toBe(true)
})

// Fault 9, the clean half: what is in flight is settled before the lease is released, so nothing comes twice.
test('SIGTERM hands over at once and without duplicates', async () => {
  await using stage = await openStage({ seed: seedOr(9), termMs: 15_000 })
  await stage.relay('first').waitFor('owner')
  await stage.write({ events: 3_000, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    for (const name of ['second', 'third', 'fourth']) {
      const next = stage.relay(name)
      await next.waitFor('standby')
      const owner = await stage.owner()
      await owner.waitFor('published')
      await stage.fault(`SIGTERM ${owner.name}`, async () => {
        owner.kill('SIGTERM')
        expect(await owner.ended).toBe(0)
      })
      // Far less than a term: the lease was released, not waited for.
      await next.waitFor('owner', undefined, 5_000)
    }
  })
  const report = await stage.check({ minEmitted: 3_000, maxDuplicates: 0 })
  expect(report.failures).toEqual([])
})
