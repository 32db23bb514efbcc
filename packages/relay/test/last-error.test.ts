import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { createRelay, type Lease, type OwnerError, type RelayEvents } from '@outboxkit/relay'
import { expect, test } from 'vitest'
import { quick, sleep, until } from './support.js'

/** A relay whose publisher fails, on a table that takes leases but not the text of an error. */
function setUp() {
  const outbox = new MemoryOutbox()
  const source = memorySource(outbox)
  const { leases } = source
  const refused: ('renew' | 'release')[] = []
  const refuse = (what: 'renew' | 'release'): Promise<never> => {
    refused.push(what)
    return Promise.reject(new Error('the column takes no such text'))
  }
  const stubborn = {
    ...leases,
    renew: (lease: Lease, termMs: number, error?: OwnerError) =>
      error === undefined ? leases.renew(lease, termMs) : refuse('renew'),
    release: (lease: Lease, error?: OwnerError) =>
      error === undefined ? leases.release(lease) : refuse('release'),
  }
  const publisher = memoryPublisher({ fail: () => 'retry' })
  const wrapped = new Proxy(source, {
    get: (target, key) => {
      if (key === 'leases') return stubborn
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const relay = createRelay({ source: wrapped, publisher, ...quick, holdAfterMs: 60_000 })
  const faults: RelayEvents['fault'][] = []
  relay.on('fault', (fault) => void faults.push(fault))
  return { outbox, relay, publisher, refused, faults }
}

test('an error that cannot be stored costs neither the lease nor its release', async () => {
  const { outbox, relay, publisher, refused, faults } = setUp()
  outbox.insert({ aggregateId: 'a' })
  await relay.start()
  await until(() => refused.includes('renew'))
  await sleep(quick.lease.termMs * 3)
  expect(relay.state).toBe('owner')
  expect(outbox.lease).toMatchObject({ epoch: 1, lastError: undefined })
  expect(relay.metrics()).toMatchObject({ leasesLost: 0, acquisitions: 1 })
  expect(faults.some(({ phase }) => phase === 'renew')).toBe(true)
  // still failing, so that something is to be stored with the release
  await relay.stop()
  expect(outbox.lease.owner).toBeNull()
  expect(publisher.messages()).toEqual([])
})
