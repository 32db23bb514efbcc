import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { errorOf, event, storedTypes, testWith, type SuiteContext } from './adapter-suite-context.js'

/** Hooks run after the commit, in order and awaited; never after a rollback. */
export function afterCommitTests(suite: SuiteContext): void {
  const { place } = suite
  describe('afterCommit()', () => {
    test('runs in order, awaited, after the commit and before transaction() resolves', async () => {
      const app = await place().open()
      const seen: unknown[] = []
      await app.transaction(async (tx) => {
        tx.afterCommit(async () => {
          await sleep(20)
          seen.push(['first', await place().business(), await storedTypes(place())])
        })
        await tx.business('row')
        await tx.emit(event('a'))
        tx.afterCommit(() => seen.push('second'))
        expect(seen).toEqual([])
      })
      expect(seen).toEqual([['first', ['row'], ['a']], 'second'])
    })

    test('may open transactions itself', async () => {
      const app = await place().open()
      // More at once than there are connections: hooks hold none.
      const all = Array.from({ length: 12 }, (_, index) =>
        app.transaction(async (tx) => {
          tx.afterCommit(() => app.transaction((next) => next.emit(event(`hook ${index}`))))
        }),
      )
      await Promise.all(all)
      expect(await storedTypes(place())).toHaveLength(12)
    })

    test('never runs after a rollback', async () => {
      const app = await place().open()
      const seen: string[] = []
      const transaction = app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('ran'))
        throw new Error('rolled back')
      })
      await errorOf(transaction)
      const failing = app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('ran'))
        void tx.emit(event(''))
      })
      await errorOf(failing)
      expect(seen).toEqual([])
    })

    testWith(suite, 'nested', 'of a nested transaction waits for the outermost commit', async () => {
      const app = await place().open()
      const seen: string[] = []
      await app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('outer'))
        await tx.nested(async (nested) => {
          nested.afterCommit(() => seen.push('nested'))
          await nested.nested(async (inner) => inner.afterCommit(() => seen.push('inner')))
        })
        expect(seen).toEqual([])
        tx.afterCommit(() => seen.push('last'))
      })
      expect(seen).toEqual(['outer', 'nested', 'inner', 'last'])
    })

    testWith(suite, 'nested', 'of a nested transaction goes with its rollback', async () => {
      const app = await place().open()
      const seen: string[] = []
      await app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('outer'))
        const nested = tx.nested(async (inner) => {
          inner.afterCommit(() => seen.push('nested'))
          throw new Error('inner')
        })
        await errorOf(nested)
      })
      expect(seen).toEqual(['outer'])
    })
  })
}

export function afterCommitFailureTests(suite: SuiteContext): void {
  const { place } = suite
  describe('afterCommit(), failing', () => {
    test('is reported, undoes nothing and stops no other hook', async () => {
      const reported: unknown[] = []
      const app = await place().open({ onAfterCommitError: (error) => void reported.push(error) })
      const seen: string[] = []
      const result = await app.transaction(async (tx) => {
        tx.afterCommit(() => Promise.reject(new Error('hook')))
        tx.afterCommit(() => {
          throw new Error('second hook')
        })
        tx.afterCommit(() => seen.push('third'))
        await tx.emit(event('a'))
        return 'committed'
      })
      expect(result).toBe('committed')
      expect(reported).toMatchObject([{ message: 'hook' }, { message: 'second hook' }])
      expect(seen).toEqual(['third'])
      expect(await storedTypes(place())).toEqual(['a'])
    })

    test('refuses what is no function', async () => {
      const app = await place().open()
      const transaction = app.transaction(async (tx) => tx.afterCommit('hook' as never))
      expect(await errorOf(transaction)).toMatchObject({ code: 'OUTBOX_OPTION_INVALID' })
    })

    testWith(suite, 'deferredConstraints', 'does not run when COMMIT fails', async () => {
      const app = await place().open()
      const seen: string[] = []
      const transaction = app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('ran'))
        await tx.business('row', 'no such parent')
      })
      expect(await errorOf(transaction)).toBeInstanceOf(Error)
      expect(seen).toEqual([])
    })

    testWith(suite, 'abortsOnFailure', 'does not run when the database answers with ROLLBACK', async () => {
      const app = await place().open()
      await app.transaction((tx) => tx.business('row'))
      const seen: string[] = []
      const transaction = app.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('ran'))
        await tx.business('row').catch(() => undefined)
      })
      expect(await errorOf(transaction)).toBeInstanceOf(Error)
      expect(seen).toEqual([])
    })
  })
}
