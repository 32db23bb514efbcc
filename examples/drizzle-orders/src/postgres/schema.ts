import { integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'

export const accounts = pgTable('accounts', {
  id: text().primaryKey(),
  version: integer().notNull(),
})

export const orders = pgTable('orders', {
  id: uuid().primaryKey(),
  accountId: text('account_id')
    .notNull()
    .references(() => accounts.id),
  version: integer().notNull(),
  status: text({ enum: ['placed', 'cancelled'] }).notNull(),
  total: integer().notNull(),
  channel: text().notNull(),
})

export type Order = typeof orders.$inferSelect
