import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withOutbox } from '@outboxkit/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { handWrittenInsert, handWrittenValues, type EmitClient, type EmitTarget } from './emit-client.js'
import { generateClient } from './generate-prisma.js'

/** The generated client, as far as the bench uses it: there may be none yet when this file is type-checked. */
interface Transaction {
  readonly benchOrder: { create(input: object): PromiseLike<unknown> }
  $executeRawUnsafe(query: string, ...values: unknown[]): Promise<number>
}
interface Client extends Transaction {
  $connect(): Promise<void>
  $disconnect(): Promise<void>
  $transaction<R>(work: (tx: Transaction) => Promise<R>, options?: object): Promise<R>
  $extends(extension: object): unknown
}

export async function prismaClient({ database, url }: EmitTarget): Promise<EmitClient> {
  const family = database === 'postgres' ? 'postgres' : 'mysql'
  const folder = fileURLToPath(new URL('./', import.meta.url))
  const entry = generateClient(join(folder, `prisma/${family}.prisma`), join(folder, `generated/${family}`))
  const { PrismaClient } = (await import(pathToFileURL(entry).href)) as {
    PrismaClient: new (options: object) => Client
  }
  const open = async (): Promise<Client> => new PrismaClient({ adapter: await adapterOf(database, url) })
  const [wrapped, plain] = await Promise.all([open(), open()])
  const db = withOutbox(wrapped)
  const data = (id: number): object => ({ data: { id: BigInt(id), total: 100n, note: 'bench' } })
  const mark = (n: number): string => (database === 'postgres' ? `$${n}` : '?')
  return {
    emitted: (id, events) =>
      db.$transaction(async (tx) => {
        await tx.benchOrder.create(data(id))
        if (events.length === 1) for (const event of events) await tx.emit(event)
        else await tx.emit(events)
      }),
    unawaited: (id, event) =>
      db.$transaction(async (tx) => {
        await tx.benchOrder.create(data(id))
        void tx.emit(event)
      }),
    byHand: (id, events) =>
      plain.$transaction(async (tx) => {
        await tx.benchOrder.create(data(id))
        await tx.$executeRawUnsafe(
          handWrittenInsert(events.length, database, mark),
          ...handWrittenValues(events),
        )
      }),
    end: async () => {
      await Promise.all([wrapped.$disconnect(), plain.$disconnect()])
    },
  }
}

async function adapterOf(database: EmitTarget['database'], url: string): Promise<object> {
  if (database === 'postgres') return new PrismaPg({ connectionString: url, max: 1 })
  const { PrismaMariaDb } = await import('@prisma/adapter-mariadb')
  return new PrismaMariaDb(url)
}
