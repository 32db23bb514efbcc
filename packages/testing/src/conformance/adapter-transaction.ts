/* oxlint-disable vitest/expect-expect -- the suite has assertions of its own (expectCode, errorOf) */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
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

/** If and only if: the events are there when the transaction has committed, and only then. */
export function transactionTests(suite: SuiteContext): void {
  describe('a transaction', () => {
    commitTests(suite)
    lazyTests(suite)
    failureTests(suite)
  })
}

function commitTests({ place }: SuiteContext): void {
  test('stores its events with its rows, and gives their ids', async () => {
    const app = await place().open()
    const result = await app.transaction(async (tx) => {
      await tx.business('row')
      const one = await tx.emit(event('a'))
      const several = await tx.emit([event('b'), event('c')])
      return [one, several].flat()
    })
    const rows = await place().events()
    expect(rows.map(({ type }) => type)).toEqual(['a', 'b', 'c'])
    expect(rows.map(({ id }) => id)).toEqual(result)
    expect(await place().business()).toEqual(['row'])
  })

  test('shows nothing before its commit', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      await tx.business('row')
      await tx.emit(event('a'))
      await expectNothing(place())
    })
    expect(await storedTypes(place())).toEqual(['a'])
  })

  test('leaves nothing when it is rolled back', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('a'))
      await tx.business('row')
      void tx.emit(event('b'))
      throw new Error('changed my mind')
    })
    expect(await errorOf(transaction)).toMatchObject({ message: 'changed my mind' })
    await expectNothing(place())
  })

  test('without events is a transaction as before', async () => {
    const app = await place().open()
    expect(await app.transaction(async (tx) => tx.business('row').then(() => 7))).toBe(7)
    expect(await place().business()).toEqual(['row'])
  })
}

function lazyTests(suite: SuiteContext): void {
  const { place } = suite
  test('stores emits that nobody has awaited, before its commit, in the order of the calls', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      void tx.emit(event('a'))
      await tx.business('row')
      void tx.emit([event('b'), event('c')])
      void tx.emit(event('d'))
    })
    expect(await storedTypes(place())).toEqual(['a', 'b', 'c', 'd'])
  })

  test('stores emits of which only a later one was awaited, in the order of the calls', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      void tx.emit(event('a'))
      await tx.emit(event('b'))
      const [c, d] = [tx.emit(event('c')), tx.emit(event('d'))]
      await d
      await c
    })
    expect(await storedTypes(place())).toEqual(['a', 'b', 'c', 'd'])
  })

  test('stores an emit once, however often it is awaited', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      const emitted = tx.emit(event('a'))
      expect(await emitted).toBe(await emitted)
      await Promise.all([emitted, emitted.finally(() => undefined)])
    })
    expect(await storedTypes(place())).toEqual(['a'])
  })

  testWith(suite, 'statementTriggers', 'sends several un-awaited emits as one INSERT', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      for (const type of ['a', 'b', 'c', 'd']) void tx.emit(event(type))
    })
    expect(await storedTypes(place())).toEqual(['a', 'b', 'c', 'd'])
    expect(await place().inserts()).toBe(1)
  })

  test('takes emits next to queries that run at the same time', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      await Promise.all([tx.business('1'), tx.emit(event('a')), tx.business('2'), tx.emit(event('b'))])
    })
    expect(await storedTypes(place())).toEqual(['a', 'b'])
    expect(await place().business()).toEqual(['1', '2'])
  })
}

function failureTests(suite: SuiteContext): void {
  const { place } = suite
  test('fails when a refused event was swallowed', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.business('row')
      await tx.emit(event('')).then(undefined, () => undefined)
      return 'fine'
    })
    await expectCode(transaction, 'OUTBOX_EVENT_INVALID')
    await expectNothing(place())
  })

  for (const how of ['awaited', 'swallowed', 'un-awaited'] as const)
    test(`fails when the database refuses an event (${how})`, async () => {
      const app = await place().open()
      const transaction = app.transaction(async (tx) => {
        await tx.business('row')
        const emitted = tx.emit(event('refused'))
        if (how === 'awaited') await emitted
        if (how === 'swallowed') await emitted.catch(() => undefined)
      })
      expect(await errorOf(transaction)).toBeInstanceOf(Error)
      await expectNothing(place())
    })

  test('refuses with the first failure, and takes no event after it', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('')).catch(() => undefined)
      await expectCode(tx.emit(event('good')), 'OUTBOX_EVENT_INVALID')
      await tx.emit(event('x', { topic: '?' })).catch(() => undefined)
    })
    const error = await expectCode(transaction, 'OUTBOX_EVENT_INVALID')
    expect(error.message).toContain('type')
    await expectNothing(place())
  })

  testWith(
    suite,
    'abortsOnFailure',
    'rejects when a failed statement after an emit was swallowed',
    async () => {
      const app = await place().open()
      await app.transaction((tx) => tx.business('row'))
      for (const awaited of [true, false]) {
        const transaction = app.transaction(async (tx) => {
          const emitted = tx.emit(event('a'))
          if (awaited) await emitted
          await tx.business('row').catch(() => undefined)
        })
        await expectCode(transaction, 'OUTBOX_TRANSACTION_ABORTED')
      }
      expect(await storedTypes(place())).toEqual([])
    },
  )

  testWith(suite, 'abortsOnFailure', 'rejects also when an emit of no events came last', async () => {
    const app = await place().open()
    await app.transaction((tx) => tx.business('row'))
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('a'))
      await tx.business('row').catch(() => undefined)
      void tx.emit([])
    })
    expect(await errorOf(transaction)).toBeInstanceOf(Error)
    expect(await storedTypes(place())).toEqual([])
  })

  testWith(suite, 'deferredConstraints', 'rejects when COMMIT itself fails', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('a'))
      await tx.business('row', 'no such parent')
    })
    expect(await errorOf(transaction)).toBeInstanceOf(Error)
    await expectNothing(place())
  })

  test('can be tried again after a failure: the connection is clean', async () => {
    const app = await place().open()
    for (let round = 0; round < 8; round++) {
      await errorOf(app.transaction((tx) => tx.emit(event('refused'))))
      await errorOf(app.transaction((tx) => tx.emit(event('')).catch(() => undefined)))
      await app.transaction((tx) => tx.emit(event(`good ${round}`)))
    }
    expect(await storedTypes(place())).toHaveLength(8)
  })
}

export function concurrencyTests(suite: SuiteContext): void {
  const { place } = suite
  describe('at the same time', () => {
    test('many transactions, half of them rolled back', async () => {
      const app = await place().open()
      const run = (index: number): Promise<unknown> =>
        app.transaction(async (tx) => {
          await tx.business(`row ${index}`)
          if (index % 3 === 0) await tx.emit(event(`e${index}`))
          else void tx.emit(event(`e${index}`))
          await sleep(index % 5)
          if (index % 2 === 1) throw new Error('rolled back')
        })
      const results = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => run(index)))
      const committed = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      expect(committed).toEqual(Array.from({ length: 20 }, (_, index) => index * 2))
      expect((await storedTypes(place())).sort()).toEqual(committed.map((index) => `e${index}`).sort())
      expect(await place().business()).toEqual(committed.map((index) => `row ${index}`).sort())
    })

    for (const lockKey of [true, false])
      testWith(suite, 'lockKey', `one key under lockKey: ${lockKey}`, async () => {
        const app = await place().open({ lockKey })
        const [emitted, finish] = [gate(), gate()]
        const ended: string[] = []
        const first = app.transaction(async (tx) => {
          await tx.emit(event('first', { aggregateId: 'k' }))
          emitted.open()
          await finish.opened
          ended.push('first')
        })
        await emitted.opened
        const second = app
          .transaction((tx) => tx.emit(event('second', { aggregateId: 'k' })))
          .then(() => ended.push('second'))
        const other = app.transaction((tx) => tx.emit(event('other', { aggregateId: 'l' })))
        await other
        if (!lockKey) await second
        else await sleep(200)
        finish.open()
        await Promise.all([first, second])
        expect(ended).toEqual(lockKey ? ['first', 'second'] : ['second', 'first'])
        const types = await storedTypes(place())
        expect(types.filter((type) => type !== 'other')).toEqual(['first', 'second'])
      })
  })
}
