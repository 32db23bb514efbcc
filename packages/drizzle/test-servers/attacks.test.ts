import { setTimeout as sleep } from 'node:timers/promises'
import { createEmit, createTablesSql, isOutboxError, withOutbox, type OutboxEvent } from '@outboxkit/drizzle'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { drivers, version, type Database, type OpenDatabase } from './drivers.js'

const url = inject('postgresUrl')
const event = (type: string): OutboxEvent => ({ type, aggregateType: 'order', aggregateId: 1, payload: {} })
const many = (type: string): OutboxEvent[] => Array.from({ length: 501 }, () => event(type))

let place: FreshSchema
beforeAll(async () => {
  place = await freshSchema(url, 'drizzle')
  for (const statement of createTablesSql('postgres')) await place.query(statement)
})
beforeEach(() => place.query('delete from outbox'))
afterAll(() => place.drop())
const stored = async (): Promise<unknown[]> =>
  await place.query('select type, count(*)::int from outbox group by 1 order by 1')
const outcome = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'committed',
    (e: unknown) => (isOutboxError(e) ? e.code : String(e)),
  )
const boom = (): Promise<never> => sleep(0).then(() => Promise.reject(new Error('boom')))

describe.each(drivers)(`drizzle ${version} on $name`, (driver) => {
  let opened: OpenDatabase
  let plain: Database
  beforeAll(() => {
    opened = driver.open(url, place.schema)
    plain = opened.db
  })
  afterAll(() => opened.close())

  test('a body that rejects while a long emit is being sent leaves nothing', async () => {
    const db = withOutbox(plain)
    const result = await outcome(db.transaction((tx) => Promise.all([tx.emit(many('phantom')), boom()])))
    await sleep(200)
    expect([result, await stored()]).toEqual(['Error: boom', []])
  })

  test('the same with lockKey and one event', async () => {
    const db = withOutbox(plain, { lockKey: true })
    const body = (): Promise<unknown> =>
      outcome(
        db.transaction((tx) => Promise.all([tx.emit(event('phantom')), Promise.reject(new Error('boom'))])),
      )
    const result = await body()
    await sleep(200)
    expect([result, await stored()]).toEqual(['Error: boom', []])
  })

  test('with lockKey, while the lock is waited for', async () => {
    const db = withOutbox(plain, { lockKey: true })
    let done!: () => void
    const hold = new Promise<void>((r) => (done = r))
    const first = db.transaction(async (tx) => {
      await tx.emit(event('first'))
      await hold
    })
    await sleep(100)
    const second = outcome(
      db.transaction((tx) => Promise.all([tx.emit(event('phantom')), sleep(50).then(boom)])),
    )
    await sleep(200)
    done()
    await first
    const result = await second
    await sleep(200)
    expect([result, await stored()]).toEqual(['Error: boom', [{ type: 'first', count: 1 }]])
  })

  test('two options in one go', async () => {
    const db = withOutbox(plain)
    const emit = createEmit({ maxPayloadBytes: 1000 })
    const result = await outcome(
      db.transaction((tx) =>
        Promise.all([tx.emit(event('one')), emit(tx as never, event('phantom')), boom()]),
      ),
    )
    await sleep(200)
    expect([result, await stored()]).toEqual(['Error: boom', []])
  })

  test('in a nested transaction', async () => {
    const db = withOutbox(plain)
    const result = await outcome(
      db.transaction(async (tx) => {
        await tx.transaction((inner) => Promise.all([inner.emit(many('phantom')), boom()])).catch(() => {})
        await sleep(100)
        await tx.emit(event('outer'))
      }),
    )
    expect([result, await stored()]).toEqual(['committed', [{ type: 'outer', count: 1 }]])
  })

  test('nested in parallel: the elder rolls back, the younger commits', async () => {
    const db = withOutbox(plain)
    let inner = ''
    const result = await outcome(
      db.transaction(async (tx) => {
        const a = tx.transaction(async (n) => {
          await n.execute(sql`select 1`)
          await sleep(100)
          throw new Error('a')
        })
        const b = tx.transaction(async (n) => {
          await n.emit(event('b'))
          await sleep(200)
        })
        const [, settled] = await Promise.allSettled([a, b])
        inner = settled.status
      }),
    )
    expect([result, inner, await stored()]).not.toEqual(['committed', 'fulfilled', []])
  })

  test('nested in parallel: the elder commits, the younger rolls back', async () => {
    const db = withOutbox(plain)
    let inner = ''
    const result = await outcome(
      db.transaction(async (tx) => {
        const a = tx.transaction(async (n) => {
          await n.emit(event('a'))
          await sleep(50)
        })
        const b = tx.transaction(async () => {
          await sleep(150)
          throw new Error('b')
        })
        const [settled] = await Promise.allSettled([a, b])
        inner = settled.status
      }),
    )
    expect([result, inner, await stored()]).not.toEqual(['committed', 'fulfilled', []])
  })

  test('a ROLLBACK by hand', async () => {
    const db = withOutbox(plain)
    const result = await outcome(
      db.transaction(async (tx) => {
        await tx.emit(event('lost'))
        await tx.execute(sql`rollback`)
      }),
    )
    expect([result, await stored()]).not.toEqual(['committed', []])
  })

  test('two events as two arguments', async () => {
    const db = withOutbox(plain)
    const result = await outcome(
      db.transaction(async (tx) => {
        await (tx.emit as (...e: unknown[]) => Promise<unknown>)(event('a'), event('b'))
      }),
    )
    expect([result, await stored()]).not.toEqual(['committed', [{ type: 'a', count: 1 }]])
  })

  const tells = driver.name === 'node-postgres'
  const reason = tells
    ? ''
    : ' (postgres.js does not tell whether a statement is under way: await the branch)'
  test.runIf(tells).each([1, 2])(
    `a branch that nobody awaits fails after %i good statements, just before COMMIT${reason}`,
    async (good) => {
      const result = await outcome(
        withOutbox(plain).transaction(async (tx) => {
          await tx.emit(event('a'))
          void (async () => {
            for (let i = 0; i < good; i++) await tx.execute(sql`select 1`)
            await tx.execute(sql`select 1/0`)
          })().catch(() => {})
        }),
      )
      expect([result, await stored()]).not.toEqual(['committed', []])
    },
  )

  test('an array whose map and iterator hide its elements', async () => {
    class Hiding extends Array<OutboxEvent> {
      override map(): never[] {
        return []
      }
      override *[Symbol.iterator](): ArrayIterator<OutboxEvent> {}
    }
    const events = new Hiding()
    events.push(event('a'), event('b'))
    const ids = await withOutbox(plain).transaction((tx) => tx.emit(events))
    expect([ids.length, await stored()]).toEqual([
      2,
      [
        { type: 'a', count: 1 },
        { type: 'b', count: 1 },
      ],
    ])
  })
})
