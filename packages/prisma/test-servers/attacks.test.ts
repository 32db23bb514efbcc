import { setTimeout as sleep } from 'node:timers/promises'
import { emitOperation, withOutbox } from '@outboxkit/prisma'
import { createTablesSql, isOutboxError, type OutboxEvent, type OutboxOptions } from '@outboxkit/core'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { clientsOf, type TestClient, type TestNestableTx } from './support/open.js'
import { orderTables } from './support/schemas.js'
import { targets } from './support/targets.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })
const many = (type: string): OutboxEvent[] => Array.from({ length: 501 }, () => event(type))
type Tx = Omit<TestNestableTx, '$transaction'> & {
  emit(event: OutboxEvent | OutboxEvent[]): Promise<string>
  afterCommit(hook: () => unknown): void
  $transaction<R>(body: (tx: Tx) => Promise<R>): Promise<R>
}
type Db = Omit<TestClient, '$transaction'> & {
  $transaction<R>(body: (tx: Tx) => Promise<R>, options?: object): Promise<R>
  $transaction(ops: readonly unknown[]): Promise<unknown[]>
}
const outcome = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'committed',
    (e: unknown) => (isOutboxError(e) ? e.code : ((e as { code?: string }).code ?? String(e))),
  )
const boom = (): Promise<never> => sleep(0).then(() => Promise.reject(new Error('boom')))

// Not 6.16: a connection that breaks there is never given back, and $disconnect waits for it.
describe.each([targets['prisma 7, prisma-client']])('$name', (target) => {
  let place: FreshSchema
  let plain: TestClient
  let other: TestClient
  const stored = async (): Promise<unknown[]> =>
    await place.query('select type, count(*)::int from outbox group by 1 order by 1')
  const wrap = (options: OutboxOptions = {}, client = plain): Db =>
    withOutbox(client, options) as unknown as Db
  beforeAll(async () => {
    place = await freshSchema(inject('postgresUrl'), 'prisma')
    for (const sql of [...createTablesSql('postgres'), ...orderTables]) await place.pool.query(sql)
    const clients = await clientsOf(target)
    plain = clients.open(inject('postgresUrl'), place.schema)
    other = clients.open(inject('postgresUrl'), place.schema)
  })
  beforeEach(() => place.pool.query('truncate outbox, "Order" cascade'))
  afterAll(async () => {
    await plain.$disconnect()
    await other.$disconnect()
    await place.drop()
  })

  test.each([{}, { lockKey: true }])('rejects while emits are being sent %o', async (options) => {
    const result = await outcome(
      wrap(options).$transaction((tx) => Promise.all([tx.emit(many('phantom')), boom()])),
    )
    await sleep(200)
    expect([result, await stored()]).toEqual(['Error: boom', []])
  })

  test('an extension that retries while emits are being sent', async () => {
    const retrying = plain.$extends({
      client: {
        async $transaction(this: unknown, body: never, options: never) {
          try {
            return await plain.$transaction(body, options)
          } catch {
            return plain.$transaction(body, options)
          }
        },
      },
    })
    let tries = 0
    const result = await outcome(
      wrap({}, retrying).$transaction(async (tx) => {
        const name = `try ${++tries}`
        const emitting = tx.emit(many(name))
        if (tries === 1) await Promise.all([emitting, boom()])
        await emitting
        await sleep(100)
      }),
    )
    await sleep(200)
    expect([result, await stored()]).toEqual(['committed', [{ type: 'try 2', count: 501 }]])
  })

  test('nested', async () => {
    const result = await outcome(
      wrap().$transaction(async (tx) => {
        await tx.$transaction((inner) => Promise.all([inner.emit(many('phantom')), boom()])).catch(() => {})
        await sleep(100)
        await tx.emit(event('outer'))
      }),
    )
    expect([result, await stored()]).toEqual(['committed', [{ type: 'outer', count: 1 }]])
  })

  test('nested in parallel, elder rolls back', async () => {
    let inner = ''
    const result = await outcome(
      wrap().$transaction(async (tx) => {
        const a = tx.$transaction(async () => {
          await sleep(100)
          throw new Error('a')
        })
        const b = tx.$transaction(async (n) => {
          await n.emit(event('b'))
          await sleep(200)
        })
        const [, settled] = await Promise.allSettled([a, b])
        inner = settled.status + (settled.status === 'rejected' ? String(settled.reason) : '')
      }),
    )
    expect([result, inner, await stored()]).not.toEqual(['committed', 'fulfilled', []])
  })

  test('nested in parallel, elder commits, younger rolls back', async () => {
    let inner = ''
    const result = await outcome(
      wrap().$transaction(async (tx) => {
        const a = tx.$transaction(async (n) => {
          await n.emit(event('a'))
          await sleep(50)
        })
        const b = tx.$transaction(async () => {
          await sleep(150)
          throw new Error('b')
        })
        const [settled] = await Promise.allSettled([a, b])
        inner = settled.status + (settled.status === 'rejected' ? String(settled.reason) : '')
      }),
    )
    expect([result, inner, await stored()]).not.toEqual(['committed', 'fulfilled', []])
  })

  test('ROLLBACK by hand', async () => {
    const result = await outcome(
      wrap().$transaction(async (tx) => {
        await tx.emit(event('lost'))
        await tx.$executeRawUnsafe('rollback')
      }),
    )
    expect([result, await stored()]).not.toEqual(['committed', []])
  })

  test('an operation of one client in the batch of another', async () => {
    const bad = other.$executeRawUnsafe('select 1/0')
    const result = await outcome(
      wrap({}, other).$transaction([emitOperation(wrap() as never, event('phantom')), bad]),
    )
    await sleep(200)
    expect([result === 'committed', await stored()]).toEqual([false, []])
  })

  test('timeout with un-awaited emits', async () => {
    const hooks: string[] = []
    const result = await outcome(
      wrap().$transaction(
        async (tx) => {
          await tx.emit(event('a'))
          void tx.emit(event('b'))
          tx.afterCommit(() => hooks.push('x'))
          await sleep(300)
        },
        { timeout: 100 },
      ),
    )
    expect([result, hooks, await stored()]).toEqual(['P2028', [], []])
  })

  test('the connection is killed between emit and COMMIT', async () => {
    const hooks: string[] = []
    const result = await outcome(
      wrap().$transaction(async (tx) => {
        await tx.emit(event('a'))
        tx.afterCommit(() => hooks.push('x'))
        // Only this one: other tests have transactions on the same server.
        const rows = await place.query<{ pid: number }>(
          "select distinct pid from pg_locks where relation = 'outbox'::regclass and pid <> pg_backend_pid()",
        )
        expect(rows).toHaveLength(1)
        for (const { pid } of rows) await place.query(`select pg_terminate_backend(${pid})`)
        await sleep(50)
      }),
    )
    expect([result === 'committed', hooks, await stored()]).toEqual([false, [], []])
  })

  test('$disconnect in flight', async () => {
    const client = (await clientsOf(target)).open(inject('postgresUrl'), place.schema)
    const result = await outcome(
      wrap({}, client).$transaction(async (tx) => {
        await tx.emit(event('a'))
        void client.$disconnect()
        await sleep(100)
        void tx.emit(event('b'))
      }),
    )
    const rows = (await stored()).length
    expect(rows).toBe(result === 'committed' ? 2 : 0)
  })
})
