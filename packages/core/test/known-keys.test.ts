import { rejectUnknownKeys } from '@outboxkit/core'
import { expect, test } from 'vitest'

const known = ['table', 'events', 'maxPayloadBytes', 'lockKey']
const reject = (key: string): void => rejectUnknownKeys({ [key]: 1 }, known, 'The outbox')

test('lets known keys through', () => {
  for (const key of known) expect(() => reject(key)).not.toThrow()
})

test.each([
  ['tabel', 'table'],
  ['Table', 'table'],
  ['event', 'events'],
  ['maxpayloadbyte', 'maxPayloadBytes'],
  ['lock_key', 'lockKey'],
])('%s: did you mean %s?', (key, nearest) => {
  expect(() => reject(key)).toThrow(`The outbox has no option '${key}'. Did you mean '${nearest}'?`)
})

test.each(['retries', 'x', 'constructor', '__proto__x'])('%s is near to none', (key) => {
  expect(() => reject(key)).toThrow(
    `has no option '${key}'. It has: table, events, maxPayloadBytes, lockKey.`,
  )
})

test('does not tell of what is internal', () => {
  const options = ['source', 'internal']
  const message = (key: string): string => {
    try {
      rejectUnknownKeys({ [key]: 1 }, options, 'createRelay()')
    } catch (error) {
      return String(error)
    }
    return 'accepted'
  }
  expect(message('internal')).toBe('accepted')
  expect(message('retries')).toMatch(/It has: source\.$/)
  expect(message('interal')).toMatch(/It has: source\.$/)
})

test('says so in its code and details', () => {
  expect(() => reject('tabel')).toThrow(
    expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID', details: { key: 'tabel' } }),
  )
})
