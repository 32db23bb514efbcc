/* oxlint-disable vitest/valid-title, vitest/expect-expect -- the titles are parameters; the suite has assertions of its own */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type {
  AdapterHarness,
  AdapterUnderTest,
  Capability,
  PlainTransactionUnderTest,
  TransactionUnderTest,
} from './adapter-harness.js'
import { makePlace, type Place } from './adapter-place.js'
import { errorOf, event, expectCode, storedTypes, testWith } from './adapter-suite-context.js'

/** What the suite for MySQL and MariaDB needs besides. */
export interface MysqlAdapterHarness extends AdapterHarness {
  /** Runs SQL through the ORM in the transaction `handle`. */
  raw(handle: unknown, sql: string): Promise<unknown>
  /** A rollback tells that a statement had committed the events before it. Default true. */
  readonly seesEarlyCommit?: Capability
}

/** In the places where a transaction can break. */
interface Stage {
  readonly place: () => Place
  readonly raw: (tx: PlainTransactionUnderTest, sql: string) => Promise<unknown>
  /** Makes `tx` the victim of a deadlock; resolves with the error. */
  readonly deadlock: (app: AdapterUnderTest, tx: PlainTransactionUnderTest) => Promise<unknown>
}

/**
 * What MySQL and MariaDB do behind an application's back, and no adapter may take for success: a deadlock rolls the
 * whole transaction back, DDL commits it, and what follows is committed on its own.
 */
export function mysqlAdapterSuite(harness: MysqlAdapterHarness): void {
  describe(`${harness.name}, what breaks a transaction`, () => {
    let made: Place | undefined
    const place = (): Place => {
      if (made === undefined) throw new Error('The tables are made before the first test.')
      return made
    }
    const raw: Stage['raw'] = (tx, sql) => harness.raw(tx.handle, sql)
    const stage: Stage = { place, raw, deadlock: (app, tx) => deadlock(app, tx, raw) }
    beforeAll(async () => {
      made = await makePlace(harness, { table: {}, ownSchema: false })
    })
    beforeEach(() => made?.clear())
    afterAll(() => made?.drop())
    deadlockTests(harness, stage)
    statementTests(harness, stage)
    harmlessTests(stage)
    functionFormTests(stage)
    contentTests(stage)
  })
}

/** `other` has changed more rows, so the server rolls `tx` back. */
async function deadlock(
  app: AdapterUnderTest,
  tx: PlainTransactionUnderTest,
  raw: Stage['raw'],
): Promise<unknown> {
  await raw(tx, "insert into business (id) values ('mine')")
  let failure: unknown
  await app
    .plainTransaction(async (other) => {
      const rows = Array.from({ length: 200 }, (_, index) => `('theirs ${index}')`)
      await raw(other, `insert into business (id) values ${rows.join(', ')}`)
      const waiting = raw(other, "insert into business (id) values ('mine')")
      waiting.catch(() => undefined)
      failure = await errorOf(raw(tx, "insert into business (id) values ('theirs 0')"))
      await waiting
      throw new Error('rolled back')
    })
    .catch(() => undefined)
  return failure
}

function deadlockTests(harness: MysqlAdapterHarness, { place, raw, deadlock: lose }: Stage): void {
  const broken = 'OUTBOX_TRANSACTION_ABORTED'
  const after: Readonly<Record<string, (tx: TransactionUnderTest) => Promise<unknown>>> = {
    nothing: async () => undefined,
    'a query': (tx) => raw(tx, 'select 1'),
    'a row that is committed on its own': (tx) => tx.business('alone'),
    'an emit': (tx) => tx.emit(event('late')).catch(() => undefined),
    'an un-awaited emit': async (tx) => void tx.emit(event('late')),
  }
  for (const [what, follow] of Object.entries(after))
    test(`a deadlock that was swallowed after an emit, then ${what}: rejects, stores no event`, async () => {
      const app = await place().open()
      const ran: string[] = []
      const transaction = app.transaction(async (tx) => {
        tx.afterCommit(() => ran.push('hook'))
        await tx.emit(event('lost'))
        expect(await lose(app, tx)).toBeInstanceOf(Error)
        await follow(tx)
      })
      await expectCode(transaction, broken)
      expect(await storedTypes(place())).toEqual([])
      expect(ran).toEqual([])
    })

  test('before the first emit: the emit rejects, and stores nothing on its own', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.business('row')
      await lose(app, tx)
      await tx.emit(event('phantom'))
    })
    await expectCode(transaction, broken)
    expect(await storedTypes(place())).toEqual([])
    expect(await place().business()).toEqual([])
  })

  test('where there are only hooks: they do not run', async () => {
    const app = await place().open()
    const ran: string[] = []
    const transaction = app.transaction(async (tx) => {
      tx.afterCommit(() => ran.push('hook'))
      await lose(app, tx)
    })
    await expectCode(transaction, broken)
    expect(ran).toEqual([])
  })

  test('under autocommit = 0, where the next statement opens a new transaction', async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await raw(tx, 'set autocommit = 0')
      await tx.emit(event('lost'))
      await lose(app, tx)
      await tx.business('alone')
    })
    await expectCode(transaction, broken)
    expect(await storedTypes(place())).toEqual([])
  })

  for (const when of ['in it', 'before it', 'after it'] as const)
    testWith({ harness, place }, 'nested', `with a nested transaction, ${when}`, async () => {
      const app = await place().open()
      const transaction = app.transaction(async (tx) => {
        if (when === 'before it') await lose(app, tx)
        const nested = tx.nested(async (inner) => {
          await inner.emit(event('inner'))
          if (when === 'in it') await lose(app, inner)
        })
        await nested.catch(() => undefined)
        if (when === 'after it') await lose(app, tx)
        await tx.emit(event('outer')).catch(() => undefined)
      })
      expect(await errorOf(transaction)).toBeInstanceOf(Error)
      expect(await storedTypes(place())).toEqual([])
    })
}

function statementTests(harness: MysqlAdapterHarness, { place, raw }: Stage): void {
  // What stays: committed, it cannot be taken back. What comes after it is not sent.
  const statements: Readonly<Record<string, readonly string[]>> = {
    'create table made (a int)': ['first'],
    commit: ['first'],
    'commit and chain': ['first'],
    begin: ['first'],
    '/* a */ start transaction': ['first'],
    rollback: [],
  }
  for (const [sql, expected] of Object.entries(statements))
    test(`${sql} after an emit: rejects`, async () => {
      const app = await place().open()
      const transaction = app.transaction(async (tx) => {
        await tx.emit(event('first'))
        await raw(tx, sql)
        await tx.emit(event('second')).catch(() => undefined)
      })
      expect(await errorOf(transaction)).toMatchObject({ name: 'OutboxError' })
      expect(await storedTypes(place())).toEqual(expected)
      await dropMade(harness, place())
    })

  const sees = harness.seesEarlyCommit ?? true
  const reason = sees === true ? '' : ` (${sees.missing})`
  test.runIf(sees === true)(`DDL, then a rollback: says that the events are out${reason}`, async () => {
    const app = await place().open()
    const transaction = app.transaction(async (tx) => {
      await tx.emit(event('phantom'))
      await raw(tx, 'create table made (a int)')
      throw new Error('changed my mind')
    })
    const error = await expectCode(transaction, 'OUTBOX_TRANSACTION_ENDED')
    expect(error.cause).toMatchObject({ message: 'changed my mind' })
    expect(await storedTypes(place())).toEqual(['phantom'])
    await dropMade(harness, place())
  })
}

async function dropMade(harness: MysqlAdapterHarness, place: Place): Promise<void> {
  await harness.query(`drop table if exists ${place.schema}.made`)
}

function harmlessTests({ place, raw }: Stage): void {
  test('a failed statement that was swallowed changes nothing', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      await tx.business('row')
      await tx.emit(event('a'))
      await tx.business('row').catch(() => undefined)
      await raw(tx, 'select nothing').catch(() => undefined)
      await tx.emit(event('b'))
      await raw(tx, 'also nothing').catch(() => undefined)
    })
    expect(await storedTypes(place())).toEqual(['a', 'b'])
    expect(await place().business()).toEqual(['row'])
  })

  test('a lock that was waited for too long, neither', async () => {
    const app = await place().open()
    await app.plainTransaction(async (other) => {
      await other.business('row')
      await app.transaction(async (tx) => {
        await tx.emit(event('a'))
        await raw(tx, 'set innodb_lock_wait_timeout = 1')
        expect(await errorOf(tx.business('row'))).toBeInstanceOf(Error)
        await tx.emit(event('b'))
        await raw(tx, 'set innodb_lock_wait_timeout = default')
      })
    })
    expect(await storedTypes(place())).toEqual(['a', 'b'])
  })

  test('savepoints by hand, neither', async () => {
    const app = await place().open()
    await app.transaction(async (tx) => {
      await tx.emit(event('a'))
      await raw(tx, 'savepoint by_hand')
      await tx.business('row')
      await raw(tx, 'rollback to savepoint by_hand')
      await tx.emit(event('b'))
      await raw(tx, 'release savepoint by_hand')
    })
    expect(await storedTypes(place())).toEqual(['a', 'b'])
    expect(await place().business()).toEqual([])
  })
}

function functionFormTests({ place, raw, deadlock: lose }: Stage): void {
  for (const what of ['a deadlock', 'DDL'] as const)
    test(`the function form after ${what}: rejects, and stores nothing on its own`, async () => {
      const app = await place().open()
      const emit = app.createEmit({})
      await app
        .plainTransaction(async (tx) => {
          if (what === 'DDL') await raw(tx, "alter table business comment = 'changed'")
          else await lose(app, tx)
          await expectCode(emit(tx.handle, event('phantom')), 'OUTBOX_TRANSACTION_ABORTED')
          await expectCode(emit(tx.handle, [event('phantom')]), 'OUTBOX_TRANSACTION_ABORTED')
        })
        .catch((error: unknown) => {
          // Some ORMs may fail at the end of such a transaction.
          if ((error as Error).message.includes('Expected')) throw error
        })
      expect(await storedTypes(place())).toEqual([])
    })
}

/** Modes and character sets that change text on its way. */
function contentTests({ place, raw }: Stage): void {
  const text = `it's "quoted" \\ \\' \\" %_ \n\t\u001a ; -- # /* ä€𝄞👩‍👩‍👧 値 \`?`
  const settings: Readonly<Record<string, readonly [on: string, off: string]>> = {
    'NO_BACKSLASH_ESCAPES and ANSI_QUOTES': [
      "set sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
      'set sql_mode = default',
    ],
    'no strict mode': ["set sql_mode = ''", 'set sql_mode = default'],
    'names latin1': ['set names latin1', 'set names utf8mb4'],
    'names utf8mb3': ['set names utf8mb3', 'set names utf8mb4'],
    'character_set_connection latin1': [
      'set character_set_connection = latin1',
      'set character_set_connection = utf8mb4',
    ],
    'character_set_client latin1': [
      'set character_set_client = latin1',
      'set character_set_client = utf8mb4',
    ],
    'another time zone': ["set time_zone = '+09:00'", 'set time_zone = default'],
  }
  for (const [title, [on, off]] of Object.entries(settings))
    test(`content arrives as it is: ${title}`, async () => {
      const app = await place().open()
      const payload = { text, [text]: 1.1 }
      const longest = '𝄞'.repeat(255)
      await app.transaction(async (tx) => {
        await raw(tx, on)
        const full = { payload, headers: { h: text.replace('\n', '') }, aggregateId: text }
        await tx.emit(event('a', full))
        await tx.emit([event('b', full), event(longest, { topic: 't', aggregateId: longest, payload: text })])
        await raw(tx, off)
      })
      const headers = JSON.stringify({ h: text.replace('\n', '') })
      const expected = { aggregateId: text, payload: JSON.stringify(payload), headers, topic: null }
      expect(await place().events()).toMatchObject([
        { type: 'a', ...expected },
        { type: 'b', ...expected },
        { type: longest, aggregateId: longest, payload: JSON.stringify(text), headers: null, topic: 't' },
      ])
      expect(await place().ages()).toSatisfy((ages: number[]) => ages.every((age) => age >= -5 && age < 60))
    })

  test('without strict mode, what is too long is refused and not cut', async () => {
    const app = await place().open()
    for (const change of [
      { type: 'x'.repeat(256) },
      { aggregateId: 'x'.repeat(256) },
      { topic: 'x'.repeat(250) },
    ]) {
      const transaction = app.transaction(async (tx) => {
        await raw(tx, "set sql_mode = ''")
        const emitted = await tx.emit({ ...event('a'), ...change }).then(
          () => undefined,
          (error: unknown) => ({ error }),
        )
        await raw(tx, 'set sql_mode = default')
        if (emitted !== undefined) throw emitted.error
      })
      await expectCode(transaction, 'OUTBOX_EVENT_INVALID')
    }
    expect(await storedTypes(place())).toEqual([])
  })
}
