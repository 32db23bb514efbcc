import { createTablesSql } from '@outboxkit/knex'
import { database } from './config.js'
import { close, db } from './db.js'

if (await db.schema.hasTable('outbox')) console.log('The tables are there already.')
else await createTables()
await close()

/** The tables of the service, and those of the outbox. */
async function createTables(): Promise<void> {
  await db.schema.createTable('accounts', (table) => {
    table.string('id').primary()
    table.integer('version').notNullable()
  })
  await db.schema.createTable('orders', (table) => {
    table.uuid('id').primary()
    table.string('account_id').notNullable().references('accounts.id')
    table.integer('version').notNullable()
    table.string('status').notNullable()
    table.integer('total').notNullable()
    table.string('channel').notNullable()
  })
  for (const statement of createTablesSql(database)) await db.raw(statement)
}
