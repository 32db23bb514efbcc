import { createTablesSql } from '@outboxkit/prisma'
import { close, db } from './db.js'

// The tables of the service (mysql.prisma), and those of the outbox.
const statements = [
  'create table accounts (id varchar(255) primary key, version int not null)',
  `create table orders (
    id char(36) primary key,
    account_id varchar(255) not null,
    version int not null,
    status varchar(255) not null,
    total int not null,
    channel varchar(255) not null,
    foreign key (account_id) references accounts (id)
  )`,
  ...createTablesSql('mysql'),
]
const found = await db.$queryRaw<unknown[]>`show tables like 'outbox'`
if (found.length > 0) console.log('The tables are there already.')
else for (const statement of statements) await db.$executeRawUnsafe(statement)
await close()
