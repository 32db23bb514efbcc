import { withOutbox } from '@outboxkit/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { databaseUrl } from '../config.js'
import { events } from '../events.js'
import { PrismaClient } from '../generated/postgres/client.js'

const schema = new URL(databaseUrl).searchParams.get('schema') ?? undefined
const adapter = new PrismaPg(
  { connectionString: databaseUrl, max: 10 },
  schema === undefined ? {} : { schema },
)

export const db = withOutbox(
  new PrismaClient({ adapter, transactionOptions: { maxWait: 30_000, timeout: 60_000 } }),
  { events },
)

export const close = (): Promise<void> => db.$disconnect()
