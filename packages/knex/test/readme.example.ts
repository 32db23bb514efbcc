// The code of the README; test-servers/readme.test.ts runs it.
// #region use
import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'

export const db = withOutbox(knex({ client: 'pg', connection: process.env['DATABASE_URL'] ?? '' }))

export async function placeOrder(total: number): Promise<number> {
  return db.transaction(async (trx) => {
    const [order] = await trx('orders').insert({ total }).returning<{ id: number }[]>('id')
    if (order === undefined) throw new Error('nothing was inserted')
    await trx.emit({
      type: 'order.placed',
      aggregateType: 'order',
      aggregateId: order.id,
      payload: { total },
    })
    return order.id
  })
}
// #endregion
// #region migration
import { createTablesSql, dropTablesSql } from '@outboxkit/knex'
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  for (const sql of createTablesSql('postgres')) await knex.raw(sql)
}

export async function down(knex: Knex): Promise<void> {
  for (const sql of dropTablesSql('postgres')) await knex.raw(sql)
}
// #endregion
