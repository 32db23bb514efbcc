import type { WorkloadClient } from '../client.js'
import { drizzleClient } from './drizzle.js'
import { knexClient } from './knex.js'
import type { ClientOptions } from './options.js'
import { prismaClient } from './prisma.js'

export type { ClientOptions } from './options.js'

/** One client per ORM. */
export async function allClients(options: ClientOptions): Promise<WorkloadClient[]> {
  return [await prismaClient(options), drizzleClient(options), knexClient(options)]
}
