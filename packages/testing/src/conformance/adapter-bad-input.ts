/* oxlint-disable vitest/expect-expect, vitest/valid-title, vitest/no-conditional-expect -- a table of tests, with assertions of its own */
import type { Catalogue, OutboxErrorCode, OutboxOptions } from '@outboxkit/core'
import { defineEvents } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'
import {
  errorOf,
  event,
  expectCode,
  expectNothing,
  storedTypes,
  testWith,
  type SuiteContext,
} from './adapter-suite-context.js'

interface BadInput {
  readonly title: string
  readonly input: () => unknown
  readonly code: OutboxErrorCode
  /** In the message. */
  readonly says?: string
  readonly options?: OutboxOptions
}

const cycle = (): unknown => {
  const node: { self?: unknown } = {}
  node.self = { deep: [node] }
  return node
}

const throws = (): never => {
  throw new Error('toJSON')
}

/** A catalogue made of hand-written Standard Schemas. */
function catalogue(): Catalogue {
  const schema = (validate: (value: unknown) => object) => ({
    '~standard': { version: 1 as const, vendor: 'test', validate: validate as never },
  })
  const issue = { issues: [{ message: 'is not a number', path: ['total'] }] }
  return defineEvents({
    good: { aggregateType: 'order', payload: schema((value) => ({ value })) },
    bad: { aggregateType: 'order', payload: schema(() => issue) },
    slow: { aggregateType: 'order', payload: schema(() => Promise.resolve({ value: 1 })) },
  })
}

const invalid = (title: string, change: object, says?: string): BadInput => ({
  title,
  input: () => ({ ...event('bad'), ...change }),
  code: 'OUTBOX_EVENT_INVALID',
  ...(says === undefined ? {} : { says }),
})

const payload = (title: string, value: () => unknown, says: string): BadInput => ({
  title: `payload: ${title}`,
  input: () => event('bad', { payload: value() }),
  code: 'OUTBOX_PAYLOAD_INVALID',
  says,
})

const ids: readonly BadInput[] = [
  invalid('aggregate id: empty', { aggregateId: '' }, 'aggregateId'),
  invalid('aggregate id: unsafe integer', { aggregateId: 2 ** 53 }, 'safe integer'),
  invalid('aggregate id: fraction', { aggregateId: 1.5 }, 'safe integer'),
  invalid('aggregate id: NaN', { aggregateId: NaN }, 'NaN'),
  invalid('aggregate id: boolean', { aggregateId: true }, 'boolean'),
  invalid('aggregate id: object', { aggregateId: {} }, 'object'),
  invalid('aggregate id: too long', { aggregateId: 'x'.repeat(256) }, '255'),
  invalid('aggregate id: too long a bigint', { aggregateId: 10n ** 255n }, '255'),
  invalid('event id: no UUID', { id: '1' }, 'UUID'),
]

const texts: readonly BadInput[] = [
  { title: 'no event: undefined', input: () => undefined, code: 'OUTBOX_EVENT_INVALID' },
  { title: 'no event: null', input: () => null, code: 'OUTBOX_EVENT_INVALID' },
  { title: 'no event: a number', input: () => 1, code: 'OUTBOX_EVENT_INVALID' },
  {
    title: 'no event: in an array',
    input: () => [event('good'), 1],
    code: 'OUTBOX_EVENT_INVALID',
    says: '[1]',
  },
  invalid('type: missing', { type: undefined }, 'type'),
  invalid('type: empty', { type: '' }, 'type'),
  invalid('type: too long', { type: 'x'.repeat(256) }, '255'),
  invalid('aggregate type: missing', { aggregateType: undefined }, 'aggregateType'),
  invalid('aggregate type: an illegal topic name', { aggregateType: 'order item' }, 'topic'),
  invalid('aggregate type: would make too long a topic name', { aggregateType: 'x'.repeat(250) }, 'topic'),
  invalid('NUL in the type', { type: 'a\0' }, 'NUL'),
  invalid('NUL in the aggregate id', { aggregateId: 'a\0' }, 'NUL'),
  invalid('lone surrogate in the aggregate id', { aggregateId: '\ud800' }, 'surrogate'),
  invalid('lone surrogate in a header', { headers: { a: '\udc00' } }, 'surrogate'),
  invalid('NUL in a header name', { headers: { 'a\0': '' } }, 'control'),
]

const headersAndTopics: readonly BadInput[] = [
  invalid('headers: CR', { headers: { a: 'x\ry' } }, 'headers.a'),
  invalid('headers: LF', { headers: { a: 'x\ny' } }, 'headers.a'),
  invalid('headers: not a string', { headers: { a: 1 } }, 'headers.a'),
  invalid('headers: an array', { headers: ['a'] }, 'headers'),
  invalid('headers: a Map, whose entries are no properties', { headers: new Map([['a', 'b']]) }, 'headers'),
  ...['id', 'ID', 'content-type', 'ce_id', 'CE_type', 'outbox-replay'].map((name) =>
    invalid(`headers: reserved ${name}`, { headers: { [name]: 'x' } }, 'reserved'),
  ),
  ...['', ' ', 'a b', 'ä', '.', '..', 'a/b', 'x'.repeat(250)].map((topic) =>
    invalid(`topic: ${JSON.stringify(topic.slice(0, 9))}`, { topic }, 'topic'),
  ),
  invalid('topic: not a string', { topic: 1 }, 'topic'),
]

const payloads: readonly BadInput[] = [
  payload('BigInt', () => ({ a: [{ b: 1n }] }), 'payload.a[0].b'),
  payload('BigInt names the option', () => 1n, "bigint: 'string'"),
  payload('NaN', () => ({ a: NaN }), 'payload.a'),
  payload('Infinity', () => [-Infinity], 'payload[0]'),
  payload('function', () => ({ a: () => 1 }), 'payload.a'),
  payload('symbol', () => ({ a: Symbol('s') }), 'payload.a'),
  payload('cycle', cycle, 'payload.self.deep[0]'),
  payload('undefined', () => undefined, 'payload'),
  payload('undefined in an array', () => [undefined], 'payload[0]'),
  payload('throwing toJSON', () => ({ a: { toJSON: throws } }), 'payload.a'),
  payload('Map', () => ({ a: new Map() }), 'payload.a'),
  payload('Error', () => ({ a: new Error('x') }), 'payload.a'),
  payload('an invalid Date', () => ({ a: new Date(NaN) }), 'payload.a'),
  payload('NaN as an object', () => ({ a: Object(NaN) as unknown }), 'payload.a'),
  payload('BigInt as an object', () => ({ a: Object(1n) as unknown }), 'payload.a'),
  payload('binary', () => ({ a: new Uint8Array(1) }), 'payload.a'),
  payload('NUL', () => ({ a: '\0' }), 'payload.a'),
  payload('NUL in a key', () => ({ 'a\0': 1 }), 'key'),
  payload('lone surrogate', () => ['\ud83d'], 'payload[0]'),
  {
    title: 'payload: larger than maxPayloadBytes, in bytes of UTF-8',
    input: () => event('bad', { payload: '€€€' }),
    options: { maxPayloadBytes: 10 },
    code: 'OUTBOX_PAYLOAD_TOO_LARGE',
    says: '11 bytes, more than maxPayloadBytes (10)',
  },
]

const sameId = '0190a8c0-1111-7222-8333-444444444444'
const catalogues: readonly BadInput[] = [
  {
    title: 'the same id twice in one call',
    input: () => [event('a', { id: sameId }), event('b', { id: sameId.toUpperCase() })],
    code: 'OUTBOX_DUPLICATE_ID',
    says: sameId,
  },
  {
    title: 'catalogue: unknown type',
    input: () => event('other'),
    options: { events: catalogue() },
    code: 'OUTBOX_TYPE_UNKNOWN',
    says: 'good, bad, slow',
  },
  {
    title: 'catalogue: constructor is no type',
    input: () => event('constructor'),
    options: { events: catalogue() },
    code: 'OUTBOX_TYPE_UNKNOWN',
  },
  {
    title: 'catalogue: payload does not fit',
    input: () => event('bad'),
    options: { events: catalogue() },
    code: 'OUTBOX_SCHEMA_MISMATCH',
    says: 'total: is not a number',
  },
  {
    title: 'catalogue: asynchronous schema',
    input: () => event('slow'),
    options: { events: catalogue() },
    code: 'OUTBOX_SCHEMA_ASYNC',
  },
  {
    title: 'catalogue: another aggregate type',
    input: () => event('good', { aggregateType: 'customer' }),
    options: { events: catalogue() },
    code: 'OUTBOX_EVENT_INVALID',
    says: 'customer',
  },
]

/** Every bad input is an error of its own code, awaited or not, and fails the transaction. */
export function badInputTests({ place }: SuiteContext): void {
  const rows = [...ids, ...texts, ...headersAndTopics, ...payloads, ...catalogues]
  describe('emit() refuses', () => {
    for (const { title, input, code, says, options } of rows)
      test(title, async () => {
        const app = await place().open(options)
        for (const awaited of [true, false]) {
          const transaction = app.transaction(async (tx) => {
            await tx.business('before')
            const emitted = tx.emit(input() as never)
            if (awaited) await emitted
          })
          const error = await expectCode(transaction, code)
          if (says !== undefined) expect(error.message).toContain(says)
        }
        await expectNothing(place())
      })
  })
}

/** Emits where no transaction is. */
export function handleTests(suite: SuiteContext): void {
  const { place } = suite
  describe('emit() needs a live transaction', () => {
    test('the handle itself has none: an error at once, also un-awaited', async () => {
      const app = await place().open()
      const noTransaction = expect.objectContaining({ code: 'OUTBOX_NO_TRANSACTION' })
      expect(() => app.emitOutside(event('a'))).toThrow(noTransaction)
      expect(() => app.emitOutside([event('a')])).toThrow(noTransaction)
      await expectNothing(place())
    })

    test('the function form refuses the handle itself', async () => {
      const app = await place().open()
      await expectCode(app.createEmit({})(app.handle, event('a')), 'OUTBOX_NO_TRANSACTION')
      await expectNothing(place())
    })

    test('the function form refuses what is no handle of this ORM', async () => {
      const app = await place().open()
      for (const handle of [undefined, null, 1, {}, () => undefined])
        await expectCode(app.createEmit({})(handle, event('a')), 'OUTBOX_HANDLE_UNSUPPORTED')
    })

    test('after the commit it is an error, before any SQL is sent', async () => {
      const app = await place().open()
      const kept = await app.transaction(async (tx) => tx)
      await expectCode(kept.emit(event('late')), 'OUTBOX_TRANSACTION_ENDED')
      await expectCode(app.createEmit({})(kept.handle, event('late')), 'OUTBOX_TRANSACTION_ENDED')
      expect(() => kept.afterCommit(() => undefined)).toThrow(
        expect.objectContaining({ code: 'OUTBOX_TRANSACTION_ENDED' }),
      )
      await expectNothing(place())
    })

    test('after the rollback as well', async () => {
      const app = await place().open()
      let late: Promise<unknown> | undefined
      const transaction = app.transaction(async (tx) => {
        late = new Promise((resolve) => setTimeout(resolve, 50)).then(() => tx.emit(event('late')))
        late.catch(() => undefined)
        throw new Error('rolled back')
      })
      expect(await errorOf(transaction)).toMatchObject({ message: 'rolled back' })
      await expectCode(late as Promise<unknown>, 'OUTBOX_TRANSACTION_ENDED')
      await expectNothing(place())
    })

    testWith(suite, 'seesPlainEnd', 'the function form, after the end of a plain transaction', async () => {
      const app = await place().open()
      const emit = app.createEmit({})
      const kept = await app.plainTransaction(async (tx) => tx)
      expect(await errorOf(emit(kept.handle, event('late')))).toBeInstanceOf(Error)
      expect(await storedTypes(place())).toEqual([])
    })
  })
}
