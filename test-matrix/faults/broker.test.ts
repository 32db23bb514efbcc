import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka } from '../services/kafka.js'
import type { KafkaServer } from '../services/server.js'
import { isLong, openStage, seedOr } from './stage.js'

// A broker of its own: other tests use the shared one.
let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(async () => {
  await kafka.stop()
})

// Fault 30, on one broker: no answer for longer than a request may take, and none refused either.
test('the broker is paused past the request timeout and resumed', async () => {
  await using stage = await openStage({ seed: seedOr(30), brokers: kafka.brokers })
  const relay = stage.relay('a')
  await relay.waitFor('owner')
  await stage.write({ events: 4_000, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    await relay.waitFor('published')
    await stage.committedAtLeast(800)
    await stage.fault('broker paused', () => kafka.pause(0))
    await sleep(isLong ? 60_000 : 8_000)
    await stage.fault('broker resumed', () => kafka.resume(0))
  })
  const report = await stage.check({ minEmitted: 4_000 })
  expect(report.failures).toEqual([])
  expect(relay.isAlive).toBe(true)
  expect(relay.states).toContainEqual(expect.objectContaining({ state: 'fault', phase: 'publish' }))
})

// Fault 28, short.
test('the broker is killed and comes back', async () => {
  await using stage = await openStage({ seed: seedOr(28), brokers: kafka.brokers })
  const relay = stage.relay('a')
  await relay.waitFor('owner')
  await stage.write({ events: 3_000, holders: 3, holdMs: [500, 2_000], thinkMs: 60 }, async () => {
    await relay.waitFor('published')
    await stage.committedAtLeast(800)
    await stage.fault('broker killed', () => kafka.kill(0))
    await sleep(3_000)
    await stage.fault('broker restarted', () => kafka.restart(0))
  })
  const report = await stage.check({ minEmitted: 3_000 })
  expect(report.failures).toEqual([])
  expect(relay.isAlive).toBe(true)
  expect(relay.states).toContainEqual(expect.objectContaining({ state: 'fault', phase: 'publish' }))
})
