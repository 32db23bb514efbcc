import { uuidv7 } from '@outboxkit/core'
import fc from 'fast-check'
import * as uuid from 'uuid'
import { beforeEach, expect, test } from 'vitest'
import { normalizeUuid } from '../src/uuid.js'

const timeOf = (id: string): number => parseInt(id.replaceAll('-', '').slice(0, 12), 16)
const slot = Symbol.for('outboxkit.uuid')

beforeEach(() => {
  delete (globalThis as { [slot]?: unknown })[slot]
})

test('is a version 7 UUID with the time of the clock, says the package uuid', () => {
  const before = Date.now()
  const id = uuidv7()
  expect(uuid.validate(id)).toBe(true)
  expect(uuid.version(id)).toBe(7)
  expect(timeOf(id)).toBeGreaterThanOrEqual(before)
  expect(timeOf(id)).toBeLessThanOrEqual(Date.now())
})

test('has the layout of the package uuid for any time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 48 - 1 }), (now) => {
      delete (globalThis as { [slot]?: unknown })[slot]
      const id = uuidv7(now)
      const oracle = uuid.v7({ msecs: now })
      expect(uuid.validate(id)).toBe(true)
      expect(timeOf(id)).toBe(timeOf(oracle))
      expect(id[14]).toBe('7')
      expect('89ab').toContain(id[19])
    }),
  )
})

test('grows, also within a millisecond and while the clock runs backwards', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 200 }), (times) => {
      const ids = times.map((time) => uuidv7(time))
      expect(ids).toEqual([...ids].sort())
      expect(new Set(ids).size).toBe(ids.length)
    }),
  )
})

test('two hundred thousand in one millisecond are distinct and in order', () => {
  let last = ''
  for (let index = 0; index < 200_000; index++) {
    const id = uuidv7(1_000)
    if (id <= last) throw new Error(`${id} after ${last}`)
    last = id
  }
  expect(timeOf(last)).toBe(1_000)
})

test('goes on into the next millisecond when the random part is used up', () => {
  const limit = 2 ** 37
  ;(globalThis as { [slot]?: unknown })[slot] = { time: 1_000, high: limit - 1, low: limit - 1 }
  const id = uuidv7(1_000)
  expect(timeOf(id)).toBe(1_001)
  expect(uuidv7(1_000) > id).toBe(true)
})

test('uses all of the random bits', () => {
  const seen = Array.from({ length: 500 }, (_, index) =>
    uuidv7(index + 1)
      .replaceAll('-', '')
      .slice(13),
  )
  for (let digit = 0; digit < 19; digit++) {
    const values = new Set(seen.map((hex) => hex[digit]))
    // The variant (digit 3) has two fixed bits, and the first keeps its top bit free.
    expect(values.size).toBe(digit === 3 ? 4 : digit === 0 ? 8 : 16)
  }
})

test('normalizes what databases take, and nothing else', () => {
  const id = '0190A8C0-1111-7222-8333-ABCDEFABCDEF'
  expect(normalizeUuid(id)).toBe(id.toLowerCase())
  for (const wrong of ['', `{${id}}`, id.replaceAll('-', ''), ` ${id}`, `${id}\n`, id.replace('A', 'G')])
    expect(normalizeUuid(wrong)).toBeUndefined()
})
