import { char, int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'

export const accounts = mysqlTable('accounts', {
  id: varchar({ length: 255 }).primaryKey(),
  version: int().notNull(),
})

export const orders = mysqlTable('orders', {
  id: char({ length: 36 }).primaryKey(),
  accountId: varchar('account_id', { length: 255 })
    .notNull()
    .references(() => accounts.id),
  version: int().notNull(),
  status: varchar({ length: 255, enum: ['placed', 'cancelled'] }).notNull(),
  total: int().notNull(),
  channel: varchar({ length: 255 }).notNull(),
})

export type Order = typeof orders.$inferSelect
