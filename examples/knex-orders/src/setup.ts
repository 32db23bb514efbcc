import { createTablesSql } from '@outboxkit/knex'
import { close, db } from './db.js'

if (await db.schema.hasTable('outbox')) console.log('The tables are there already.')
else await createTables()
await close()

/** The tables of the service, and those of the outbox. */
async function createTables(): Promise<void> {
  await db.schema.createTable('accounts', (table) => {
    table.text('id').primary()
    table.integer('version').notNullable()
  })
  await db.schema.createTable('orders', (table) => {
    table.uuid('id').primary()
    table.text('account_id').notNullable().references('accounts.id')
    table.integer('version').notNullable()
    table.text('status').notNullable()
    table.integer('total').notNullable()
    table.text('channel').notNullable()
  })
  for (const statement of createTablesSql('postgres')) await db.raw(statement)
}
