import { createTablesSql } from '@outboxkit/prisma'
import { close, db } from './db.js'

// The tables of the service (schema.prisma), and those of the outbox.
const statements = [
  'create table accounts (id text primary key, version integer not null)',
  `create table orders (
    id uuid primary key,
    account_id text not null references accounts,
    version integer not null,
    status text not null,
    total integer not null,
    channel text not null
  )`,
  ...createTablesSql('postgres'),
]
const [found] = await db.$queryRaw<{ outbox: string | null }[]>`select to_regclass('outbox')::text as outbox`
if (found?.outbox) console.log('The tables are there already.')
else for (const statement of statements) await db.$executeRawUnsafe(statement)
await close()
