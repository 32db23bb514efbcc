import { withOutbox } from '@outboxkit/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { databaseUrl } from '../config.js'
import { events } from '../events.js'
import { PrismaClient } from '../generated/mysql/client.js'

const adapter = new PrismaMariaDb(databaseUrl)

export const db = withOutbox(
  new PrismaClient({
    adapter,
    // Under the default, REPEATABLE READ, MariaDB 11.6 and newer refuses to change a row that somebody changed since
    // our first read.
    transactionOptions: { isolationLevel: 'ReadCommitted', maxWait: 30_000, timeout: 60_000 },
  }),
  { events },
)

export const close = (): Promise<void> => db.$disconnect()
