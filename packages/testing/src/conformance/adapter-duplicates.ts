import { describe, expect, test } from 'vitest'
import { event, expectCode, expectNothing, storedTypes, type SuiteContext } from './adapter-suite-context.js'

const id = '01890000-0000-7000-8000-000000000001'

/** Events with an id that is in the table already, where the table has a unique index on it. */
export function duplicateTests({ place }: SuiteContext): void {
  describe('an event id that is in the table already', () => {
    for (const how of ['awaited', 'un-awaited'] as const)
      test(`is an error, and the transaction leaves nothing (${how})`, async () => {
        const app = await place().open()
        await app.transaction((tx) => tx.emit(event('first', { id })))
        const again = app.transaction(async (tx) => {
          await tx.business('row')
          const emitted = tx.emit(event('second', { id }))
          if (how === 'awaited') await emitted
        })
        await expectCode(again, 'OUTBOX_DUPLICATE_ID')
        expect(await storedTypes(place())).toEqual(['first'])
        expect(await place().business()).toEqual([])
      })

    test('is an error for the function form as well', async () => {
      const app = await place().open()
      const emit = app.createEmit({})
      const again = app.plainTransaction(async (tx) => {
        await emit(tx.handle, event('first', { id }))
        await expectCode(emit(tx.handle, event('second', { id })), 'OUTBOX_DUPLICATE_ID')
        throw new Error('rolled back')
      })
      await expect(again).rejects.toThrow('rolled back')
      await expectNothing(place())
    })

    test("is left out with onDuplicate: 'ignore'; the others of the call are stored, in order", async () => {
      const app = await place().open({ onDuplicate: 'ignore' })
      await app.transaction((tx) => tx.emit(event('first', { id })))
      const ids = await app.transaction((tx) => tx.emit([event('a'), event('second', { id }), event('b')]))
      expect(ids).toHaveLength(3)
      expect(ids[1]).toBe(id)
      expect(await storedTypes(place())).toEqual(['first', 'a', 'b'])
    })
  })
}
