import { setTimeout as sleep } from 'node:timers/promises'
import { createTablesSql } from '@outboxkit/core'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { freshDatabase } from '../../../test-matrix/services/test-context.js'
import type { TestClient } from './support/open.js'
import {
  event,
  grid,
  makePlace,
  outcome,
  type Cell,
  type MysqlPlace,
  type Tx,
} from './support/mysql-place.js'

const text = `a'b"c\\d \\' \n\t\u001a 😀 ä %s ? :x $1`
const strange = { ...event('a'), aggregateId: text, headers: { 'x-h': '😀 ä \\"' }, payload: { text } }

describe.each(grid)('on the wire, $name', (cell) => {
  let place: MysqlPlace
  let plain: TestClient
  beforeAll(async () => {
    place = await makePlace(cell.target, cell.server)
    plain = place.open()
  })
  beforeEach(() => place.clear())
  afterAll(() => place.drop())

  test('the models of the README read what was emitted', async () => {
    const seen = await place.wrap(plain).$transaction(async (tx) => {
      await tx.emit(strange)
      return tx.outboxEvent.findMany()
    })
    expect(seen).toMatchObject([
      {
        position: expect.any(BigInt),
        aggregatetype: 'order',
        aggregateid: text,
        type: 'a',
        payload: JSON.stringify({ text }),
        headers: JSON.stringify(strange.headers),
      },
    ])
    const age = Date.now() - Number(seen[0]?.['createdAt'])
    expect(Math.abs(age)).toBeLessThan(60_000)
  })

  connectionTests(() => place)
  lossTests(cell, () => place)
  poolTests(() => place)

  test('table.schema names another database', async () => {
    const other = await freshDatabase(inject(cell.server.key), 'prisma_other')
    for (const sql of createTablesSql('mysql', { name: 'events' })) await other.query(sql)
    const db = place.wrap(plain, { table: { name: 'events', schema: other.database } })
    await db.$transaction((tx) => tx.emit(event('a')))
    expect(await other.query('select type from events')).toEqual([{ type: 'a' }])
    await other.drop()
  })

  test('an isolation level of its own', async () => {
    const db = place.wrap(plain)
    await db.$transaction((tx) => tx.emit(event('a')), { isolationLevel: 'Serializable' })
    expect((await place.stored()).events).toEqual(['a'])
  })
})

/** Text arrives as it is, and times are the server's in UTC, however the connection is set. */
function connectionTests(place: () => MysqlPlace): void {
  const settings: readonly { name: string; more: object; options?: object }[] = [
    { name: 'NO_BACKSLASH_ESCAPES', more: { sessionVariables: { sql_mode: 'NO_BACKSLASH_ESCAPES' } } },
    {
      name: 'NO_BACKSLASH_ESCAPES that is set afterwards',
      more: { initSql: "set sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'" },
    },
    { name: 'ANSI_QUOTES', more: { sessionVariables: { sql_mode: 'ANSI_QUOTES' } } },
    { name: 'latin1', more: { charset: 'latin1' } },
    { name: 'latin1 that is set afterwards', more: { initSql: 'set names latin1' } },
    { name: 'another time zone', more: { initSql: "set time_zone = '+05:00'" } },
    {
      name: 'the text protocol',
      more: { initSql: "set sql_mode = 'NO_BACKSLASH_ESCAPES'" },
      options: { useTextProtocol: true },
    },
  ]
  test.for(settings)('under $name', async ({ more, options }) => {
    const client = place().open(more, options)
    await place()
      .wrap(client)
      .$transaction((tx) => tx.emit(strange))
    const [row] = await place().database.query<{ hexed: string; age: number }>(
      `select hex(concat(aggregateid, headers, payload)) as hexed,
        timestampdiff(second, created_at, utc_timestamp(6)) as age from outbox`,
    )
    expect(Buffer.from(row?.hexed ?? '', 'hex').toString()).toBe(
      text + JSON.stringify(strange.headers) + JSON.stringify(strange.payload),
    )
    expect(Math.abs(Number(row?.age))).toBeLessThan(60)
    await client.$disconnect()
  })
}

function lossTests(cell: Cell, place: () => MysqlPlace): void {
  const kill = async (tx: Tx): Promise<void> => {
    const [row] = await tx.$queryRawUnsafe<{ id: bigint }[]>('select connection_id() as id')
    await place().database.query(`kill ${row?.id}`)
    await sleep(50)
  }
  const losses: Record<string, (tx: Tx) => Promise<unknown>> = {
    'between two emits': async (tx) => {
      await kill(tx)
      await tx.emit(event('b'))
    },
    'between two emits, swallowed': async (tx) => {
      await kill(tx)
      await tx.emit(event('b')).catch(() => undefined)
    },
    'before COMMIT': kill,
  }
  test.for(Object.keys(losses))('a connection that is lost %s', async (title) => {
    const client = place().open()
    const db = place().wrap(client)
    const hooks: string[] = []
    const work = db.$transaction(async (tx) => {
      tx.afterCommit(() => hooks.push('ran'))
      await tx.order.create({ data: { sku: 'row' } })
      await tx.emit(event('a'))
      await losses[title]?.(tx)
    })
    expect(await outcome(work)).not.toBe('committed')
    expect([await place().stored(), hooks]).toEqual([{ events: [], orders: [] }, []])
    await db.$transaction((tx) => tx.emit(event('next')))
    expect((await place().stored()).events).toEqual(['next'])
  })

  // Prisma 6.16 takes ten seconds for the text of such a statement.
  const isFast = cell.target.savepoints
  test.runIf(isFast)(
    `an event that is larger than max_allowed_packet, swallowed${isFast ? '' : ' (too slow with Prisma 6.16)'}`,
    async () => {
      const [row] = await place().database.query<{ bytes: number }>('select @@max_allowed_packet as bytes')
      // Text with quotes goes as a hexadecimal number, two digits a byte.
      const payload = 'x'.repeat(Number(row?.bytes) / 2)
      const db = place().wrap(place().open(), { maxPayloadBytes: payload.length * 2 })
      const work = db.$transaction(async (tx) => {
        await tx.order.create({ data: { sku: 'row' } })
        await tx.emit({ ...event('large'), payload }).catch(() => undefined)
      })
      expect(await outcome(work)).not.toBe('committed')
      expect(await place().stored()).toEqual({ events: [], orders: [] })
      await db.$transaction((tx) => tx.emit(event('next')))
      expect((await place().stored()).events).toEqual(['next'])
    },
  )
}

function poolTests(place: () => MysqlPlace): void {
  // prisma#29719: a connection went back into the pool with its transaction open.
  const expiring: Record<string, (tx: Tx) => Promise<unknown>> = {
    'between statements': () => sleep(300),
    'inside a statement': (tx) => tx.$executeRawUnsafe('do sleep(0.3)'),
  }
  test.for(Object.keys(expiring))(
    'an expired transaction leaves its connection clean (%s)',
    async (title) => {
      const client = place().open({ connectionLimit: 1 })
      const db = place().wrap(client)
      const work = db.$transaction(
        async (tx) => {
          await tx.order.create({ data: { sku: 'row' } })
          await tx.emit(event('a'))
          await expiring[title]?.(tx)
          await tx.emit(event('b'))
        },
        { timeout: 100 },
      )
      expect(await outcome(work)).toBe('P2028')
      // The only connection of the pool, outside of a transaction: committed at once.
      await client.order.create({ data: { sku: 'next' } })
      expect(await place().stored()).toEqual({ events: [], orders: ['next'] })
      await db.$transaction((tx) => tx.emit(event('c')))
      expect((await place().stored()).events).toEqual(['c'])
    },
  )

  test('a pool without a free connection: the transaction that cannot begin leaves nothing', async () => {
    const db = place().wrap(place().open({ connectionLimit: 1, acquireTimeout: 1000 }))
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const first = db.$transaction(async (tx) => {
      await tx.emit(event('first'))
      await held
    })
    const second = await outcome(db.$transaction((tx) => tx.emit(event('second')), { maxWait: 200 }))
    release()
    await first
    // Prisma 6.16 waits for the driver, which has a limit of its own.
    expect(second).toMatch(/^P2028$|^pool timeout/)
    await db.$transaction((tx) => tx.emit(event('third')))
    expect((await place().stored()).events).toEqual(['first', 'third'])
  })
}
