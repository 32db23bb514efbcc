import { describe, expect } from 'vitest'
import {
  errorOf,
  event,
  expectCode,
  expectNothing,
  gate,
  storedTypes,
  testWith,
  type SuiteContext,
} from './adapter-suite-context.js'

/** Savepoints: what is rolled back with one is gone, and nothing else. */
export function nestedTests(suite: SuiteContext): void {
  describe('a nested transaction', () => {
    endTests(suite)
    outerTests(suite)
    failureTests(suite)
  })
}

function endTests(suite: SuiteContext): void {
  const { place } = suite
  const nestedTest = (title: string, body: () => Promise<void>): void =>
    testWith(suite, 'nested', title, body)

  nestedTest('keeps its events in the order of the calls', async () => {
    const app = await place().open()
    const result = await app.transaction(async (tx) => {
      void tx.emit(event('a'))
      const inner = await tx.nested(async (nested) => {
        await nested.business('row')
        void nested.emit(event('b'))
        await nested.emit(event('c'))
        void nested.emit(event('d'))
        return 'inner'
      })
      void tx.emit(event('e'))
      return inner
    })
    expect(result).toBe('inner')
    expect(await storedTypes(place())).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(await place().business()).toEqual(['row'])
  })

  nestedTest('drops its events when it is rolled back, and only them', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      void tx.emit(event('a'))
      const nested = tx.nested(async (inner) => {
        await inner.business('row')
        await inner.emit(event('b'))
        void inner.emit(event('c'))
        throw new Error('only the inner one')
      })
      expect(await errorOf(nested)).toMatchObject({ message: 'only the inner one' })
      await tx.nested(async (inner) => {
        await inner.emit(event('d'))
      })
      await tx.emit(event('e'))
    })
    expect(await storedTypes(place())).toEqual(['a', 'd', 'e'])
    expect(await place().business()).toEqual([])
  })

  nestedTest('two levels deep', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      await tx.nested(async (middle) => {
        void middle.emit(event('a'))
        await middle.nested((inner) => inner.emit(event('b')))
        const failing = middle.nested(async (inner) => {
          await inner.emit(event('c'))
          throw new Error('inner')
        })
        await errorOf(failing)
        void middle.emit(event('d'))
      })
    })
    expect(await storedTypes(place())).toEqual(['a', 'b', 'd'])
  })

  nestedTest('goes when the outer one is rolled back', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.nested(async (nested) => {
        await nested.business('row')
        await nested.emit(event('a'))
      })
      throw new Error('outer')
    })
    expect(await errorOf(transaction)).toMatchObject({ message: 'outer' })
    await expectNothing(place())
  })
}

function outerTests(suite: SuiteContext): void {
  const { place } = suite
  const nestedTest = (title: string, body: () => Promise<void>): void =>
    testWith(suite, 'nested', title, body)

  nestedTest('open, the outer one takes no events', async () => {
    const app = await place().open()
    for (const swallowed of [false, true]) {
      const transaction = app.transaction((tx) =>
        tx.nested(async () => {
          const emitted = tx.emit(event('a'))
          await (swallowed ? emitted.catch(() => undefined) : emitted)
        }),
      )
      const error = await expectCode(transaction, 'OUTBOX_NESTED_OPEN')
      expect(error.message).toContain('savepoint')
    }
    await expectNothing(place())
  })

  nestedTest('that was called but not awaited, the outer one takes none either', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      const nested = tx.nested(async () => undefined)
      await Promise.allSettled([tx.emit(event('a')), nested])
    })
    await expectCode(transaction, 'OUTBOX_NESTED_OPEN')
    await expectNothing(place())
  })

  nestedTest('with events and still open, the outer one cannot commit', async () => {
    const app = await place().open()
    const [emitted, finish] = [gate(), gate()]
    let nested: Promise<unknown> = Promise.resolve()
    const transaction = app.transaction(async (tx) => {
      nested = tx.nested(async (inner) => {
        await inner.business('row')
        await inner.emit(event('a'))
        emitted.open()
        await finish.opened
      })
      nested.catch(() => undefined)
      await emitted.opened
    })
    await expectCode(transaction, 'OUTBOX_NESTED_OPEN')
    finish.open()
    await errorOf(nested)
    await expectNothing(place())
  })

  nestedTest('ended, its handle takes no events', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      const inner = await tx.nested(async (nested) => nested)
      await expectCode(inner.emit(event('late')), 'OUTBOX_TRANSACTION_ENDED')
      const failed: (typeof inner)[] = []
      const failing = tx.nested(async (nested) => {
        failed.push(nested)
        throw new Error('rolled back')
      })
      await errorOf(failing)
      for (const handle of failed) await expectCode(handle.emit(event('late')), 'OUTBOX_TRANSACTION_ENDED')
      await tx.emit(event('a'))
    })
    expect(await storedTypes(place())).toEqual(['a'])
  })
}

function failureTests(suite: SuiteContext): void {
  const { place } = suite
  const nestedTest = (title: string, body: () => Promise<void>): void =>
    testWith(suite, 'nested', title, body)

  for (const type of ['', 'refused'])
    nestedTest(`fails with an event that it swallowed (${type === '' ? 'invalid' : type})`, async () => {
      const app = await place().open()
      await app.transaction(async (tx) => {
        await tx.emit(event('a'))
        const nested = tx.nested(async (inner) => {
          await inner.business('row')
          await inner.emit(event(type)).catch(() => undefined)
        })
        expect(await errorOf(nested)).toBeInstanceOf(Error)
        await tx.emit(event('b'))
      })
      expect(await storedTypes(place())).toEqual(['a', 'b'])
      expect(await place().business()).toEqual([])
    })

  nestedTest('is not begun when an emit before it has failed', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      void tx.emit(event(''))
      await tx.nested((nested) => nested.business('row')).catch(() => undefined)
    })
    await expectCode(transaction, 'OUTBOX_EVENT_INVALID')
    await expectNothing(place())
  })

  testWith(suite, 'nested', 'with a failed statement that it swallowed loses no event quietly', async () => {
    const app = await place().open()
    await app.transaction((tx) => tx.business('row'))
    const { abortsOnFailure } = suite.harness.capabilities
    let rejected = false
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('outer'))
      const nested = tx.nested(async (inner) => {
        await inner.emit(event('inner'))
        await inner.business('row').catch(() => undefined)
      })
      await nested.catch(() => {
        rejected = true
      })
    })
    const outer = await transaction.then(
      () => true,
      () => false,
    )
    // Where the statement aborts nothing, everything may commit. Else the inner one has to say so.
    expect(rejected).toBe(abortsOnFailure === true)
    const expected = [...(outer ? ['outer'] : []), ...(outer && !rejected ? ['inner'] : [])]
    expect(await storedTypes(place())).toEqual(expected)
  })
}
