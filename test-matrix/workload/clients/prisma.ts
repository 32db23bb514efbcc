import { pathToFileURL } from 'node:url'
import { withOutbox } from '@outboxkit/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'
import { generatePrisma } from './generate-prisma.js'
import type { ClientOptions } from './options.js'

/** The generated client, as far as the workload uses it: there may be none yet when this file is type-checked. */
interface PrismaTransaction {
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): Promise<T>
  $executeRawUnsafe(query: string, ...values: unknown[]): Promise<number>
  $transaction<R>(work: (tx: PrismaTransaction) => Promise<R>, options?: object): Promise<R>
}
interface Prisma extends PrismaTransaction {
  $connect(): Promise<void>
  $disconnect(): Promise<void>
  $extends(extension: object): unknown
}

export async function prismaClient(options: ClientOptions): Promise<WorkloadClient> {
  const { PrismaClient } = (await import(pathToFileURL(generatePrisma()).href)) as {
    PrismaClient: new (options: object) => Prisma
  }
  const adapter = new PrismaPg({ connectionString: options.databaseUrl, max: options.connections })
  const db = withOutbox(
    // The default of 5 s would end the transactions that the workload holds open on purpose.
    new PrismaClient({ adapter, transactionOptions: { maxWait: 60_000, timeout: 120_000 } }),
    { table: { name: options.place.outbox, schema: options.place.schema } },
  )
  type Tx = Parameters<Parameters<typeof db.$transaction>[0]>[0]
  const wrap = (tx: Tx): WorkloadTransaction => ({
    sql: (text, values) => tx.$queryRawUnsafe<Record<string, unknown>[]>(text, ...values),
    emit: tx.emit as WorkloadTransaction['emit'],
    savepoint: async (work) => {
      await tx.$transaction(async (nested: Tx) => work(wrap(nested)))
    },
  })
  return {
    orm: 'prisma',
    transaction: async (work) => {
      await db.$transaction(async (tx: Tx) => work(wrap(tx)))
    },
    close: () => db.$disconnect(),
  }
}
