import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startFaultProxy } from '../services/fault-proxy.js'
import { startKafkaBehindProxies, type KafkaBehindProxies } from '../services/kafka-behind-proxies.js'
import { openStage, seedOr } from './stage.js'

const produce = 0
const load = { holders: 3, holdMs: [500, 2_000], thinkMs: 60 } as const

describe('between the application and the database', () => {
  // Fault 15: the row decides, whatever the caller was told.
  test('answers to COMMIT are lost, and COMMITs themselves', async () => {
    const url = new URL(inject('postgresUrl'))
    const proxy = await startFaultProxy({ port: Number(url.port), host: url.hostname })
    url.host = proxy.address
    await using stage = await openStage({ seed: seedOr(15), applicationUrl: url.href })
    await stage.relay('a').waitFor('owner')
    await stage.write({ events: 2_500, ...load }, async () => {
      for (const [direction, text] of Array.from({ length: 12 }, (_, round) =>
        round % 3 === 2 ? (['up', /commit/i] as const) : (['down', /COMMIT\0/] as const),
      )) {
        const rule = proxy.when(
          (piece) => piece.direction === direction && text.test(piece.bytes.toString('latin1')),
          'cut',
        )
        await stage.fault(`COMMIT cut on its way ${direction}`, () => rule.hit)
        await sleep(100)
      }
    })
    const unknown = stage.attempts.filter(({ outcome }) => outcome === 'unknown')
    const report = await stage.check({ minEmitted: 2_500, maxDuplicates: 0 })
    await proxy.close()
    expect(report.failures).toEqual([])
    // Of those cut on the way back the ledger has said: committed.
    expect(unknown.length).toBeGreaterThanOrEqual(12)
  })
})

describe('between a relay and the broker', () => {
  let box: KafkaBehindProxies
  beforeAll(async () => {
    box = await startKafkaBehindProxies()
  })
  afterAll(async () => {
    await box.stop()
  })

  // Fault 7: what the old owner has sent arrives after the new one has sent the same and more.
  test('requests are held past a take-over, and then delivered', async () => {
    await using stage = await openStage({ seed: seedOr(7), brokers: box.kafka.brokers })
    const old = stage.relay('old', { brokers: box.bootstrap.split(',') })
    await old.waitFor('owner')
    const heir = stage.relay('heir')
    await heir.waitFor('standby')
    await stage.write({ events: 3_000, ...load }, async () => {
      await old.waitFor('published')
      await stage.committedAtLeast(600)
      await stage.fault('requests held, SIGSTOP old', async () => {
        for (const proxy of box.proxies) proxy.set('up', 'hold')
        await sleep(400)
        old.kill('SIGSTOP')
      })
      await heir.waitFor('published')
      await sleep(500)
      await stage.fault('requests delivered, SIGCONT old', async () => {
        await Promise.all(box.proxies.map((proxy) => proxy.heal()))
        await sleep(300)
        old.kill('SIGCONT')
      })
      await old.waitForLast('standby')
    })
    const report = await stage.check({ minEmitted: 3_000 })
    expect(report.failures).toEqual([])
    expect(report.total.duplicates).toBeGreaterThan(0)
  })

  // Faults 31 and 32.
  test('answers are lost, and requests arrive after they were given up', async () => {
    await using stage = await openStage({ seed: seedOr(31), brokers: box.kafka.brokers })
    const relay = stage.relay('a', { brokers: box.bootstrap.split(',') })
    await relay.waitFor('owner')
    await stage.write({ events: 3_000, ...load }, async () => {
      const [proxy] = box.proxies
      const faults = {
        'answer lost': () => proxy!.dropResponse({ apiKey: produce }),
        'cut after the answer': () => proxy!.cutOn({ apiKey: produce, when: 'response' }),
        // Longer than a publish call may take.
        'request late': () => proxy!.delayRequest({ apiKey: produce, ms: 2_500 }),
      }
      for (const round of [1, 2, 3]) {
        await stage.committedAtLeast(round * 400)
        for (const [name, act] of Object.entries(faults)) {
          await stage.fault(name, () => act().hit)
          // Not into the next one while it still recovers: then every copy would be lost again.
          const before = relay.published
          await relay.waitFor('published', ({ total }) => total > before)
        }
      }
    })
    // The last late request still has to arrive.
    await sleep(3_000)
    // Nine answers are lost, each for a whole call: what was in flight is sent again, once or twice.
    const report = await stage.check({ minEmitted: 3_000, maxDuplicates: 30_000 })
    expect(report.failures).toEqual([])
    expect(report.total.duplicates).toBeGreaterThan(0)
    expect(relay.isAlive).toBe(true)
  })
})
