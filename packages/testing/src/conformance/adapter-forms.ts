/* oxlint-disable vitest/expect-expect -- the suite has assertions of its own (expectCode, errorOf) */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { AdapterUnderTest, BatchStep, EmitInput } from './adapter-harness.js'
import {
  errorOf,
  event,
  expectCode,
  expectNothing,
  storedTypes,
  testWith,
  type SuiteContext,
} from './adapter-suite-context.js'

/** `createEmit(options)`: for transactions that a framework opens. */
export function functionFormTests({ place }: SuiteContext): void {
  describe('the function form', () => {
    test('stores events in a plain transaction, and gives their ids', async () => {
      const app = await place().open()
      const emit = app.createEmit({})
      const ids = await app.plainTransaction(async (tx) => {
        await tx.business('row')
        const id = await emit(tx.handle, event('a'))
        return [id, await emit(tx.handle, [event('b'), event('c')])].flat()
      })
      const rows = await place().events()
      expect(rows.map(({ type }) => type)).toEqual(['a', 'b', 'c'])
      expect(rows.map(({ id }) => id)).toEqual(ids)
    })

    test('leaves nothing when the plain transaction is rolled back', async () => {
      const app = await place().open()
      const emit = app.createEmit({})
      const transaction = app.plainTransaction(async (tx) => {
        await emit(tx.handle, event('a'))
        await tx.business('row')
        throw new Error('rolled back')
      })
      await errorOf(transaction)
      await expectNothing(place())
    })

    test('refuses bad input before any SQL is sent', async () => {
      const app = await place().open()
      const emit = app.createEmit({ maxPayloadBytes: 5 })
      await app.plainTransaction(async (tx) => {
        await expectCode(emit(tx.handle, event('')), 'OUTBOX_EVENT_INVALID')
        await expectCode(emit(tx.handle, event('a')), 'OUTBOX_PAYLOAD_TOO_LARGE')
        await tx.business('row')
      })
      expect(await place().business()).toEqual(['row'])
    })

    test('gives a wrapped transaction all its guarantees', async () => {
      const app = await place().open()
      const emit = app.createEmit({ maxPayloadBytes: 20 })
      await app.transaction(async (tx) => {
        void tx.emit(event('a'))
        void emit(tx.handle, event('b'))
        void tx.emit(event('c'))
      })
      expect(await storedTypes(place())).toEqual(['a', 'b', 'c'])
      const swallowing = app.transaction(async (tx) => {
        await tx.business('row')
        await emit(tx.handle, event('too large for these options')).catch(() => undefined)
      })
      await expectCode(swallowing, 'OUTBOX_PAYLOAD_TOO_LARGE')
      expect(await place().business()).toEqual([])
    })
  })
}

/** `db.outbox.emit(event)` under `ambient: true`. */
export function ambientTests(suite: SuiteContext): void {
  const { place } = suite
  describe('the ambient form', () => {
    test('finds the transaction that it is called in', async () => {
      const app = await place().open({ ambient: true })
      const service = async (type: string): Promise<unknown> => {
        await sleep(1)
        return app.emitAmbient(event(type))
      }
      const run = (index: number): Promise<unknown> =>
        app.transaction(async (tx) => {
          await tx.business(`row ${index}`)
          await service(`e${index}`)
          void app.emitAmbient(event(`f${index}`))
          if (index % 2 === 1) throw new Error('rolled back')
        })
      await Promise.allSettled(Array.from({ length: 10 }, (_, index) => run(index)))
      const committed = [0, 2, 4, 6, 8].flatMap((index) => [`e${index}`, `f${index}`])
      expect((await storedTypes(place())).sort()).toEqual(committed.sort())
    })

    test('refuses where there is none', async () => {
      const app = await place().open({ ambient: true })
      const outside = async (): Promise<unknown> => app.emitAmbient(event('a'))
      await expectCode(outside(), 'OUTBOX_NO_TRANSACTION')
      await app.transaction(async (tx) => void (await tx.emit(event('b'))))
      await expectCode(outside(), 'OUTBOX_NO_TRANSACTION')
      await app.plainTransaction(async () => expectCode(outside(), 'OUTBOX_NO_TRANSACTION'))
      expect(await storedTypes(place())).toEqual(['b'])
    })

    test('refuses when its transaction has ended', async () => {
      const app = await place().open({ ambient: true })
      let late: Promise<unknown> = Promise.resolve()
      await app.transaction(async () => {
        late = sleep(100).then(() => app.emitAmbient(event('late')))
        late.catch(() => undefined)
      })
      await expectCode(late, 'OUTBOX_TRANSACTION_ENDED')
      await expectNothing(place())
    })

    testWith(suite, 'nested', 'finds the nested transaction', async () => {
      const app = await place().open({ ambient: true })
      await app.transaction(async (tx) => {
        await app.emitAmbient(event('a'))
        await tx.nested(() => app.emitAmbient(event('b')))
        const failing = tx.nested(async () => {
          await app.emitAmbient(event('c'))
          throw new Error('inner')
        })
        await errorOf(failing)
        await app.emitAmbient(event('d'))
      })
      expect(await storedTypes(place())).toEqual(['a', 'b', 'd'])
    })
  })
}

/** A list of operations as one transaction. */
export function batchTests(suite: SuiteContext): void {
  const { place } = suite
  const steps = (...inputs: (string | EmitInput)[]): BatchStep[] =>
    inputs.map((input) => (typeof input === 'string' ? { business: input } : { emit: input }))
  const batch = (app: AdapterUnderTest, list: BatchStep[]): Promise<unknown> =>
    app.batch?.(list) ?? Promise.reject(new Error('The harness has the capability batch, but no batch().'))

  describe('the batch form', () => {
    testWith(suite, 'batch', 'stores events in the order of the steps', async () => {
      const app = await place().open()
      await batch(app, steps('1', event('a'), '2', [event('b'), event('c')]))
      expect(await storedTypes(place())).toEqual(['a', 'b', 'c'])
      expect(await place().business()).toEqual(['1', '2'])
    })

    testWith(suite, 'batch', 'leaves nothing when a step fails', async () => {
      const app = await place().open()
      expect(await errorOf(batch(app, steps('1', event('a'), '1')))).toBeInstanceOf(Error)
      expect(await errorOf(batch(app, steps('1', event('refused'))))).toBeInstanceOf(Error)
      await expectNothing(place())
    })

    testWith(suite, 'batch', 'leaves nothing when an event is refused', async () => {
      const app = await place().open()
      const failing = async (): Promise<unknown> => batch(app, steps('1', event('')))
      await expectCode(failing(), 'OUTBOX_EVENT_INVALID')
      await expectNothing(place())
    })
  })
}
