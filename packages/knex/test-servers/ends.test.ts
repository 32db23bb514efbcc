import { randomUUID } from 'node:crypto'
import knexPackage from 'knex'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTablesSql, withOutbox } from '../src/index.js'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'

let schema: FreshSchema
beforeAll(async () => {
  schema = await freshSchema(inject('postgresUrl'), 'knex_ends')
  for (const s of createTablesSql('postgres')) await schema.query(s)
})
afterAll(() => schema.drop())

const event = () => ({ type: 'a.b', aggregateType: 'a', aggregateId: randomUUID(), payload: {} })

test('a statement of the application that fails between our INSERT and COMMIT is noticed', async () => {
  const knex = withOutbox(knexPackage({ client: 'pg', connection: schema.url }))
  let hooks = 0
  let resolved: unknown
  try {
    await knex.transaction(async (trx) => {
      trx.afterCommit(() => void hooks++)
      // What runs beside, and is not awaited.
      trx.on('query', ({ sql }: { sql: string }) => {
        if (/insert into "outbox"/.test(sql)) trx.raw('select 1/0').catch(() => undefined)
      })
      void trx.emit(event())
    })
    resolved = true
  } catch (error) {
    resolved = error
  } finally {
    await knex.destroy()
  }
  const rows = await schema.query('select * from outbox')
  expect(rows.length === 1 ? resolved === true : resolved !== true && hooks === 0).toBe(true)
})

test('a raw ROLLBACK ends the transaction: nothing is stored, no hook runs, and it says so', async () => {
  const knex = withOutbox(knexPackage({ client: 'pg', connection: schema.url }))
  await schema.query('delete from outbox')
  let hooks = 0
  const before = knex.transaction(async (trx) => {
    trx.afterCommit(() => void hooks++)
    await trx.raw('rollback')
    await trx.emit(event())
  })
  await expect(before).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ENDED' })
  const after = knex.transaction(async (trx) => {
    trx.afterCommit(() => void hooks++)
    await trx.emit(event())
    await trx.raw('rollback')
  })
  await expect(after).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_ENDED' })
  await knex.destroy()
  expect(await schema.query('select * from outbox')).toEqual([])
  expect(hooks).toBe(0)
})
