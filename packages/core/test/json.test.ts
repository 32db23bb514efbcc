/* oxlint-disable vitest/expect-expect -- the assertions are inside properties */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStorableText, toJsonText } from '../src/json.js'

const text = (payload: unknown): string => toJsonText(payload, 'error')

const storable = fc
  .json()
  .map((json): unknown => JSON.parse(json))
  .filter((payload) => !/\\u0000|\\ud[89a-f]/.test(JSON.stringify(payload)))

test('is what JSON.stringify writes, for everything that JSON can express', () => {
  expect.assertions(500)
  fc.assert(
    fc.property(storable, (payload) => {
      expect(text(payload)).toBe(JSON.stringify(payload))
    }),
    { numRuns: 500 },
  )
})

test('refuses every other value with its own code, or writes what JSON.stringify writes', () => {
  const outcome = (write: () => string): string => {
    try {
      return write()
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }
  const anything = fc.anything({
    withBigInt: true,
    withMap: true,
    withSet: true,
    withDate: true,
    withBoxedValues: true,
  })
  fc.assert(
    fc.property(anything, (payload) => {
      const stored = outcome(() => text(payload))
      const expected = stored === 'OUTBOX_PAYLOAD_INVALID' ? stored : JSON.stringify(payload)
      expect(stored).toBe(expected)
    }),
    { numRuns: 2000 },
  )
})

test.each<[unknown, string, unknown[]]>([
  [{ a: [{ b: 1n }] }, 'payload.a[0].b is a BigInt', ['a', 0, 'b']],
  [NaN, 'payload is NaN', []],
  [[undefined], 'payload[0] is undefined', [0]],
  [{ a: () => 1 }, 'payload.a is a function', ['a']],
  [{ a: { toJSON: () => ({ b: Infinity }) } }, 'payload.a.b is Infinity', ['a', 'b']],
  [{ a: { toJSON: () => undefined } }, 'payload.a is undefined', ['a']],
  [{ a: { b: new Set([1]) } }, 'payload.a.b is of the class Set', ['a', 'b']],
  [{ a: Promise.resolve(1) }, 'payload.a is of the class Promise', ['a']],
  [{ a: /x/ }, 'payload.a is of the class RegExp', ['a']],
  [{ a: Buffer.alloc(0).buffer }, 'payload.a is binary', ['a']],
  [{ '\ud800': 1 }, 'has a key with', ['\ud800']],
])('$1', (payload, message, path) => {
  expect(() => text(payload)).toThrow(
    expect.objectContaining({
      code: 'OUTBOX_PAYLOAD_INVALID',
      message: expect.stringContaining(message),
      details: { path },
    }),
  )
})

test('an error of toJSON is the cause', () => {
  const cause = new Error('own')
  const throwing = {
    toJSON() {
      throw cause
    },
  }
  expect(() => text([throwing])).toThrow(expect.objectContaining({ cause, details: { path: [0] } }))
})

test('the same object twice is no cycle', () => {
  const shared = { x: 1 }
  expect(text({ a: shared, b: [shared, shared] })).toBe('{"a":{"x":1},"b":[{"x":1},{"x":1}]}')
})

test('a cycle through toJSON ends', () => {
  const node = { toJSON: (): unknown => ({ node }) }
  expect(() => text(node)).toThrow('cycle')
})

test('500 levels are enough', () => {
  const nest = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
  expect(text(nest(500))).toHaveLength(1000)
  expect(() => text(nest(502))).toThrow('more than 500 levels')
  // Far below the limit of the stack.
  const deep: unknown[] = []
  for (let inner = deep, level = 0; level < 100_000; level++) inner.push((inner = []))
  expect(() => text(deep)).toThrow('more than 500 levels')
})

test('BigInt as text, everywhere', () => {
  expect(toJsonText({ a: [1n, { b: -(2n ** 70n) }] }, 'string')).toBe(
    '{"a":["1",{"b":"-1180591620717411303424"}]}',
  )
  expect(toJsonText(1n, 'string')).toBe('"1"')
})

test('what databases can store as text', () => {
  for (const good of ['', 'a', '𝄞', '\ud834\udd1e', '\u0001', '\uffff'])
    expect(isStorableText(good)).toBe(true)
  for (const bad of ['\0', 'a\0b', '\ud834', '\udd1e', '\udd1e\ud834', 'a\ud834b', '\ud834\ud834\udd1e'])
    expect(isStorableText(bad)).toBe(false)
})
