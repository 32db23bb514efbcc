/* oxlint-disable vitest/expect-expect -- the suite has assertions of its own (expectCode, errorOf) */
import { defineEvents, uuidv7 } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'
import { errorOf, event, expectCode, storedTypes, type SuiteContext } from './adapter-suite-context.js'

const big = 2n ** 70n
const largest = Number(process.env['OUTBOXKIT_CONFORMANCE_EVENTS'] ?? 10_000)

/** Payloads that are stored as JSON.stringify writes them, byte for byte. */
const payloads: Readonly<Record<string, unknown>> = {
  null: null,
  'empty string': '',
  false: false,
  zero: 0,
  'empty object': {},
  'empty array': [],
  'order of keys': { z: 1, a: 2, m: 3 },
  'numbers at the edge': [1e21, 5e-324, 0.1 + 0.2, -0, 2 ** 53, 1.7976931348623157e308],
  unicode: { '': 'ä€𝄞 👩‍👩‍👧 ‮ \u2028 \u007f', ключ: '値' },
  'text that looks like SQL or placeholders': `'; drop table x; -- $1 ? ?? :a :b: \\? \\\\ "" %s \${x}`,
  'control characters': '\u0001\b\f\n\r\t\u001f"\\/',
  'escapes in JSON': JSON.parse('"\\u00e9\\/\\n"'),
  date: new Date(0),
  nested: { a: [[[[{ b: null }]]]] },
  'undefined properties': { a: undefined, b: 1 },
}

/** Each value of an event arrives in its column as it was. */
export function contentTests({ harness, place }: SuiteContext): void {
  describe('stores', () => {
    for (const [title, payload] of Object.entries(payloads))
      test(`payload: ${title}`, async () => {
        const app = await place().open()
        await app.transaction((tx) => tx.emit(event('a', { payload })))
        expect((await place().events())[0]?.payload).toBe(JSON.stringify(payload))
      })

    test('every column', async () => {
      const app = await place().open()
      const id = '0190A8C0-ABCD-7222-8333-444444444444'
      const full = event('order.placed', { id, topic: 'orders.v2', headers: { tenant: 'äcme', Empty: '' } })
      await app.transaction(async (tx) => {
        expect(await tx.emit({ ...full, aggregateType: 'no topic, but it has one' })).toBe(id.toLowerCase())
      })
      const [row] = await place().events()
      expect(row).toMatchObject({
        id: id.toLowerCase(),
        aggregateType: 'no topic, but it has one',
        aggregateId: '1',
        type: 'order.placed',
        payload: '{"of":"order.placed"}',
        headers: '{"tenant":"äcme","Empty":""}',
        topic: 'orders.v2',
      })
    })

    test('defaults: a UUIDv7 that is returned, no headers, no topic', async () => {
      const app = await place().open()
      const id = await app.transaction((tx) => tx.emit(event('a')))
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect((await place().events())[0]).toMatchObject({ id, headers: null, topic: null })
    })

    test('aggregate ids: text, safe integers, bigint, none', async () => {
      const app = await place().open()
      const given = ['0', 'ä'.repeat(255), 0, -0, Number.MAX_SAFE_INTEGER, -7, big, null]
      await app.transaction((tx) => tx.emit(given.map((id) => event('a', { aggregateId: id as never }))))
      const stored = (await place().events()).map(({ aggregateId }) => aggregateId)
      expect(stored).toEqual(['0', 'ä'.repeat(255), '0', '0', '9007199254740991', '-7', String(big), null])
    })

    test('no event with an aggregate id that is undefined, as after an INSERT that has returned nothing', async () => {
      const app = await place().open()
      const emitted = app.transaction((tx) => tx.emit(event('a', { aggregateId: undefined as never })))
      await expect(emitted).rejects.toMatchObject({
        code: 'OUTBOX_EVENT_INVALID',
        message: expect.stringContaining('aggregateId is undefined'),
      })
      expect(await place().events()).toEqual([])
    })

    test('BigInt as text, under the option', async () => {
      const app = await place().open({ bigint: 'string' })
      await app.transaction((tx) => tx.emit(event('a', { payload: { n: [big] } })))
      expect((await place().events())[0]?.payload).toBe('{"n":["1180591620717411303424"]}')
    })

    test('__proto__, constructor and prototype as keys, literally', async () => {
      const app = await place().open()
      const text = '{"__proto__":{"polluted":"yes"},"constructor":1,"prototype":2}'
      const headers = '{"__proto__":"a","constructor":"b","prototype":"c"}'
      await app.transaction((tx) =>
        tx.emit(event('a', { payload: JSON.parse(text), headers: JSON.parse(headers) })),
      )
      expect((await place().events())[0]).toMatchObject({ payload: text, headers })
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    })

    test('the values at the call, whatever the caller does to them afterwards', async () => {
      const app = await place().open()
      await app.transaction(async (tx) => {
        const payload = { items: [1] }
        const headers: Record<string, string> = { a: '1' }
        const list = [event('a', { payload, headers })]
        const emitted = tx.emit(list)
        payload.items.push(2)
        headers['a'] = '2'
        list.push(event('b'))
        await emitted
      })
      expect(await place().events()).toMatchObject([{ payload: '{"items":[1]}', headers: '{"a":"1"}' }])
    })

    test('the same id in two calls: twice', async () => {
      const app = await place().open()
      const id = uuidv7()
      await app.transaction(async (tx) => {
        await tx.emit(event('a', { id }))
        await tx.emit(event('b', { id }))
      })
      expect((await place().events()).map((row) => row.id)).toEqual([id, id])
    })

    for (const [library, schema] of Object.entries(harness.schemas ?? {}))
      test(`a catalogue with ${library}`, async () => {
        const events = defineEvents({ placed: { aggregateType: 'order', payload: schema } })
        const app = await place().open({ events })
        const placed = (payload: unknown) => ({ type: 'placed', aggregateId: 1, payload }) as never
        await app.transaction((tx) => tx.emit(placed({ total: 12, more: true })))
        const error = await expectCode(
          app.transaction((tx) => tx.emit(placed({ total: '12' }))),
          'OUTBOX_SCHEMA_MISMATCH',
        )
        expect(error.message).toContain('total')
        // The schema's input is what is stored, not its output.
        expect(await place().events()).toMatchObject([
          { aggregateType: 'order', payload: '{"total":12,"more":true}' },
        ])
      })
  })
}

export function volumeTests({ place }: SuiteContext): void {
  describe('volume', () => {
    test('a payload of more than 1 MiB', async () => {
      const app = await place().open({ maxPayloadBytes: 4_000_000 })
      const text = 'ä?$1'.repeat(300_000)
      await app.transaction((tx) => tx.emit(event('a', { payload: text })))
      const stored = (await place().events())[0]?.payload
      expect(stored === JSON.stringify(text)).toBe(true)
    })

    test('several large payloads in one call', async () => {
      const app = await place().open()
      const text = 'x'.repeat(800_000)
      await app.transaction((tx) =>
        tx.emit(['a', 'b', 'c', 'd', 'e'].map((t) => event(t, { payload: text }))),
      )
      expect(await storedTypes(place())).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    test(`${largest} events in one call, in order`, { timeout: 600_000 }, async () => {
      const app = await place().open()
      const types = Array.from({ length: largest }, (_, index) => `e${index}`)
      const ids = await app.transaction((tx) => tx.emit(types.map((type) => event(type))))
      const rows = await place().events()
      expect(rows.map(({ type }) => type)).toEqual(types)
      expect(rows.map(({ id }) => id)).toEqual(ids)
    })

    test('no events at all', async () => {
      const app = await place().open()
      expect(await app.transaction((tx) => tx.emit([]))).toEqual([])
    })
  })
}

/** For a table whose payload column stores bytes. */
export function bytesTests({ place }: SuiteContext): void {
  test('stores bytes as they are, empty ones and views too', async () => {
    const app = await place().open()
    const all = Uint8Array.from({ length: 256 }, (_, index) => index)
    const given = [all, new Uint8Array(0), all.subarray(10, 12), Buffer.from('ä')]
    await app.transaction((tx) => tx.emit(given.map((payload) => event('a', { payload }))))
    const stored = (await place().events()).map(({ payload }) => payload)
    expect(stored).toEqual([Buffer.from(all).toString('hex'), '', '0a0b', 'c3a4'])
  })

  test('the bytes at the call', async () => {
    const app = await place().open()
    const payload = Uint8Array.of(1, 2)
    await app.transaction(async (tx) => {
      const emitted = tx.emit(event('a', { payload }))
      payload[0] = 9
      await emitted
    })
    expect((await place().events())[0]?.payload).toBe('0102')
  })

  test('refuses JSON', async () => {
    const app = await place().open()
    const transaction = app.transaction((tx) => tx.emit(event('a')))
    expect(await errorOf(transaction)).toMatchObject({ code: 'OUTBOX_PAYLOAD_INVALID' })
  })

  test('counts bytes', async () => {
    const app = await place().open({ maxPayloadBytes: 2 })
    await app.transaction((tx) => tx.emit(event('a', { payload: new Uint8Array(2) })))
    const transaction = app.transaction((tx) => tx.emit(event('a', { payload: new Uint8Array(3) })))
    await expectCode(transaction, 'OUTBOX_PAYLOAD_TOO_LARGE')
  })
}
