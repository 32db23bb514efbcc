import { createEmit, withOutbox, type OutboxEvent } from '@outboxkit/knex'
import { knexSnakeCaseMappers, Model, type TransactionOrKnex } from 'objection'
import { describe, expect, onTestFinished, test } from 'vitest'
import { testDatabase } from './database.js'
import { versions } from './versions.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })
const emit = createEmit()

describe.each(versions)('Objection 3 on knex, $version:', ({ knex }) => {
  const open = async () => {
    const database = await testDatabase()
    const db = withOutbox(
      knex({ client: 'pg', connection: database.url, pool: { min: 0, max: 2 }, ...knexSnakeCaseMappers() }),
    )
    onTestFinished(() => db.destroy())
    class Row extends Model {
      static override tableName = 'rows'
      declare id: number
      declare parentId: number | null
    }
    return { database, db, Row: Row.bindKnex(db) as unknown as typeof Row }
  }

  test('models on a transaction of ours', async () => {
    const { database, db, Row } = await open()
    await db.transaction(async (trx) => {
      await Row.query(trx).insert({ id: 1 })
      await trx.emit(event('a'))
      await Row.bindTransaction(trx).query().insert({ id: 2, parentId: 1 })
    })
    expect(await database.types()).toEqual(['a'])
    expect(await database.query('select id, parent_id from rows order by id')).toEqual([
      { id: 1, parent_id: null },
      { id: 2, parent_id: 1 },
    ])
  })

  test('Model.transaction with the function form', async () => {
    const { database, Row } = await open()
    const place = async (trx: TransactionOrKnex, id: number): Promise<void> => {
      await Row.query(trx).insert({ id })
      void emit(trx, event(`placed ${id}`))
    }
    await Row.transaction((trx) => place(trx, 1))
    const failing = Row.transaction(async (trx) => {
      await place(trx, 2)
      throw new Error('rolled back')
    })
    await expect(failing).rejects.toThrow('rolled back')
    const swallowing = Row.transaction(async (trx) => {
      await place(trx, 3)
      await emit(trx, event('')).catch(() => undefined)
    })
    await expect(swallowing).rejects.toMatchObject({ code: 'OUTBOX_EVENT_INVALID' })
    expect(await database.types()).toEqual(['placed 1'])
  })

  test('Model.startTransaction', async () => {
    const { database, Row } = await open()
    const trx = await Row.startTransaction()
    await Row.query(trx).insert({ id: 1 })
    void emit(trx, event('a'))
    await trx.commit()
    const dropped = await Row.startTransaction()
    await emit(dropped, event('b'))
    await dropped.rollback()
    expect(await database.types()).toEqual(['a'])
  })

  test('outside a transaction the function form refuses', async () => {
    const { database, Row } = await open()
    await expect(emit(Row.knex(), event('a'))).rejects.toMatchObject({ code: 'OUTBOX_NO_TRANSACTION' })
    expect(await database.types()).toEqual([])
  })
})
