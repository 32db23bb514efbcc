import { createTablesSql } from '@outboxkit/drizzle'
import { sql } from 'drizzle-orm'
import { close, db } from './db.js'

const found = await db.execute<{ outbox: string | null }>(sql`select to_regclass('outbox')::text as outbox`)
if (found.rows[0]?.outbox) console.log('The tables are there already.')
else await createTables()
await close()

/** The tables of the service (schema.ts), and those of the outbox. */
async function createTables(): Promise<void> {
  await db.execute(sql`create table accounts (id text primary key, version integer not null)`)
  await db.execute(sql`create table orders (
    id uuid primary key,
    account_id text not null references accounts,
    version integer not null,
    status text not null,
    total integer not null,
    channel text not null
  )`)
  for (const statement of createTablesSql('postgres')) await db.execute(sql.raw(statement))
}
