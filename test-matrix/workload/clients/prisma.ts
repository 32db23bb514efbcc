import { pathToFileURL } from 'node:url'
import { withOutbox } from '@outboxkit/prisma'
import type { LedgerPlace } from '../../checker/ledger.js'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'
import { generatePrisma, type Provider } from './generate-prisma.js'

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

interface PrismaDriver {
  readonly provider: Provider
  /** A driver adapter. */
  readonly adapter: object
}

export async function prismaClient(
  place: LedgerPlace,
  { provider, adapter }: PrismaDriver,
): Promise<WorkloadClient> {
  const { PrismaClient } = (await import(pathToFileURL(generatePrisma(provider)).href)) as {
    PrismaClient: new (options: object) => Prisma
  }
  const db = withOutbox(
    // The default of 5 s would end the transactions that the workload holds open on purpose.
    new PrismaClient({ adapter, transactionOptions: { maxWait: 60_000, timeout: 120_000 } }),
    { table: { name: place.outbox, schema: place.schema } },
  )
  type Tx = Parameters<Parameters<typeof db.$transaction>[0]>[0]
  // Prisma hands SQL on as it is.
  const native = (text: string): string => (provider === 'mysql' ? text.replaceAll(/\$\d+/g, '?') : text)
  const wrap = (tx: Tx): WorkloadTransaction => ({
    query: (text, values) => tx.$queryRawUnsafe<Record<string, unknown>[]>(native(text), ...values),
    execute: async (text, values) => void (await tx.$executeRawUnsafe(native(text), ...values)),
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
