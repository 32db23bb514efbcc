import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import { expect, test } from 'vitest'
import { createRelay, type RelayOptions } from '@outboxkit/relay'
import { resolveOptions } from '../src/options.js'

const source = memorySource(new MemoryOutbox())
const publisher = memoryPublisher()

test('defaults', () => {
  expect(resolveOptions({ source, publisher })).toMatchObject({
    termMs: 15_000,
    publishTimeoutMs: 10_000,
    poll: { minMs: 2, maxMs: 250 },
    onPoison: 'park-key',
  })
})

test('the publish timeout follows a short lease', () => {
  expect(resolveOptions({ source, publisher, lease: { termMs: 300 } }).publishTimeoutMs).toBe(200)
})

test.each([
  ['unknown key', { onPoisn: 'skip' }, "Did you mean 'onPoison'?"],
  ['unknown key inside', { lease: { term: 3 } }, "Did you mean 'termMs'?"],
  ['unknown key inside poll', { poll: { minMS: 3 } }, "Did you mean 'minMs'?"],
  [
    'unknown policy',
    { onPoison: 'park' },
    "onPoison must be one of 'park-key', 'skip', 'halt', got \"park\".",
  ],
  ['no number', { holdAfterMs: '5' }, 'holdAfterMs must be a number, 0 or more, got "5".'],
  ['NaN', { stopTimeoutMs: Number.NaN }, 'stopTimeoutMs must be a number, 0 or more, got NaN.'],
  ['no room', { maxInFlightEvents: 0 }, 'maxInFlightEvents must be a number, 1 or more, got 0.'],
  ['crossed bounds', { retry: { minMs: 5, maxMs: 2 } }, 'retry.minMs (5) must not be above retry.maxMs (2).'],
  ['lease below 100 ms', { lease: { termMs: 99 } }, 'lease.termMs must be a number, 100 or more, got 99.'],
  [
    'lease not longer than the publish timeout',
    { lease: { termMs: 5_000 }, publishTimeoutMs: 5_000 },
    'lease.termMs (5000) must be longer than one publish call may take (5000)',
  ],
  [
    "lease not longer than the publisher's own timeout",
    { publisher: { ...publisher, timeoutMs: 20_000 } },
    'lease.termMs (15000) must be longer than one publish call may take (20000)',
  ],
  ['no source', { source: undefined }, 'needs a `source`'],
  ['no publisher', { publisher: {} }, 'needs a `publisher`'],
])('refused: %s', (_, given, message) => {
  const options = { source, publisher, ...given } as unknown as RelayOptions
  expect(() => createRelay(options)).toThrow(
    expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(message) }),
  )
})
