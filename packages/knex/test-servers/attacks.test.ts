import { setTimeout as sleep } from 'node:timers/promises'
import { withOutbox, type OutboxEvent } from '@outboxkit/knex'
import knexOf from 'knex'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase } from './database.js'

const event = (type: string): OutboxEvent => ({ type, aggregateType: 'order', aggregateId: 1, payload: {} })
const many = (type: string): OutboxEvent[] => Array.from({ length: 501 }, () => event(type))
const boom = (): Promise<never> => sleep(0).then(() => Promise.reject(new Error('boom')))

test.each([{ lockKey: false }, { lockKey: true }])(
  'long or locking emits and a rejecting body %o',
  async (options) => {
    const database = await testDatabase()
    const db = withOutbox(
      knexOf({
        client: 'pg',
        connection: database.url,
        searchPath: [database.schema],
        pool: { min: 0, max: 4 },
      }),
      options,
    )
    onTestFinished(() => db.destroy())
    const type = async (): Promise<string[]> => [...new Set(await database.types())]
    await expect(db.transaction((trx) => Promise.all([trx.emit(many('phantom')), boom()]))).rejects.toThrow(
      'boom',
    )
    await sleep(100)
    expect(await type()).toEqual([])
    await expect(
      db.transaction((trx) => Promise.all([trx.emit(event('phantom')), Promise.reject(new Error('boom'))])),
    ).rejects.toThrow('boom')
    await sleep(100)
    expect(await type()).toEqual([])
    await db.transaction(async (trx) => {
      await trx.transaction((inner) => Promise.all([inner.emit(many('phantom')), boom()])).catch(() => {})
      await sleep(50)
      await trx.emit(event('outer'))
    })
    expect(await type()).toEqual(['outer'])
    await db.transaction((trx) =>
      Promise.all([trx.transaction((n) => n.emit(event('p1'))), trx.transaction((n) => n.emit(event('p2')))]),
    )
    expect(await type()).toEqual(['outer', 'p1', 'p2'])
  },
)
