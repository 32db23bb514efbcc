import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freshSchema } from '../../../test-matrix/services/test-context.js'

test('the code of the README works', async () => {
  const fresh = await freshSchema(inject('postgresUrl'), 'readme')
  onTestFinished(() => fresh.drop())
  process.env['DATABASE_URL'] = fresh.url
  const { db, down, placeOrder, up } = await import('../test/readme.example.js')
  onTestFinished(() => db.destroy())
  await up(db)
  await db.raw('create table orders (id int generated always as identity, total int not null)')
  const id = await placeOrder(12)
  await expect(placeOrder(null as never)).rejects.toThrow('not-null')

  const client = new pg.Client({ connectionString: fresh.url })
  await client.connect()
  const { rows } = await client.query('select aggregateid, type, payload from outbox')
  await client.end()
  expect(rows).toEqual([{ aggregateid: String(id), type: 'order.placed', payload: { total: 12 } }])
  await down(db)
})
