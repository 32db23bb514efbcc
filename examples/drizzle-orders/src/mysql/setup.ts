import { createTablesSql } from '@outboxkit/drizzle'
import { sql } from 'drizzle-orm'
import { close, db } from './db.js'

const [found] = await db.execute(sql`show tables like 'outbox'`)
if (Array.isArray(found) && found.length > 0) console.log('The tables are there already.')
else await createTables()
await close()

/** The tables of the service (schema.ts), and those of the outbox. */
async function createTables(): Promise<void> {
  await db.execute(sql`create table accounts (id varchar(255) primary key, version int not null)`)
  await db.execute(sql`create table orders (
    id char(36) primary key,
    account_id varchar(255) not null,
    version int not null,
    status varchar(255) not null,
    total int not null,
    channel varchar(255) not null,
    foreign key (account_id) references accounts (id)
  )`)
  for (const statement of createTablesSql('mysql')) await db.execute(sql.raw(statement))
}
