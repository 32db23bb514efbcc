import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { OutboxError } from '@outboxkit/core'
import { createRelay, type Relay, type RelayEvents, type Source } from '@outboxkit/relay'
import { afterEach, describe, expect, test } from 'vitest'
import { quick, sleep, until } from './support.js'

let relay: Relay | undefined
afterEach(() => relay?.stop())

/** A relay whose source prunes like this. */
function withPrune(prune: () => Promise<boolean>): {
  outbox: MemoryOutbox
  source: Source
  faults: RelayEvents['fault'][]
} {
  const outbox = new MemoryOutbox()
  const source = memorySource(outbox)
  source.prune = prune
  const faults: RelayEvents['fault'][] = []
  relay = createRelay({ ...quick, source, publisher: memoryPublisher() })
  relay.on('fault', (fault) => faults.push(fault))
  return { outbox, source, faults }
}

describe('the janitor', () => {
  test('goes step by step while there is more, and then rests', async () => {
    let steps = 0
    withPrune(async () => ++steps < 4)
    await relay?.start()
    await until(() => steps === 4)
    await sleep(150)
    expect(steps).toBe(4)
  })

  test('pauses for much longer than its steps take', async () => {
    const pauses: number[] = []
    let endedAt = Infinity
    withPrune(async () => {
      pauses.push(performance.now() - endedAt)
      await sleep(20)
      endedAt = performance.now()
      return true
    })
    await relay?.start()
    await until(() => pauses.length === 4)
    for (const pause of pauses.slice(1)) expect(pause).toBeGreaterThan(150)
  })

  test('that fails keeps nothing from being published, and says so once in a while', async () => {
    const { outbox, faults } = withPrune(() => Promise.reject(new Error('no DELETE')))
    await relay?.start()
    await until(() => faults.length === 1)
    expect(faults[0]).toMatchObject({
      phase: 'clean',
      error: { message: expect.stringContaining('no DELETE') },
    })
    for (let i = 0; i < 50; i++) outbox.insert()
    await until(() => outbox.rows.size === 0)
    expect(faults.length).toBe(1)
    expect(relay?.state).toBe('owner')
  })

  test('stops with the lease', async () => {
    let lost = false
    const { faults } = withPrune(async () => {
      if (lost) return false
      lost = true
      throw new OutboxError('OUTBOX_LEASE_LOST', 'The lease is lost.')
    })
    await relay?.start()
    await until(() => faults.length === 1)
    expect(faults[0]?.error.code).toBe('OUTBOX_LEASE_LOST')
    await until(() => relay?.metrics().acquisitions === 2)
  })

  test('comes to its end in a single pass', async () => {
    let steps = 0
    const { outbox } = withPrune(async () => ++steps < 3)
    outbox.insert()
    expect(await relay?.drain()).toMatchObject({ complete: true, published: 1 })
    expect(steps).toBe(3)
  })
})
