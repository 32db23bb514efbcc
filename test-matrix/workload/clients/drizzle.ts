import { withOutbox } from '@outboxkit/drizzle'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'
import type { ClientOptions } from './options.js'

export function drizzleClient(options: ClientOptions): WorkloadClient {
  const pool = new Pool({ connectionString: options.databaseUrl, max: options.connections })
  // A connection that breaks fails its statement; without listeners the same error would also end the process, of
  // an idle connection through the pool, of one in a transaction through the client itself.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = withOutbox(drizzle(pool), {
    table: { name: options.place.outbox, schema: options.place.schema },
  })
  type Tx = Parameters<Parameters<typeof db.transaction>[0]>[0]
  const wrap = (tx: Tx): WorkloadTransaction => ({
    sql: async (text, values) => {
      const parts = text.split(/\$\d+/) as string[] & { raw: string[] }
      parts.raw = [...parts]
      const result = await tx.execute(sql(parts, ...values))
      return result.rows
    },
    emit: tx.emit as WorkloadTransaction['emit'],
    savepoint: async (work) => {
      await tx.transaction(async (nested) => work(wrap(nested)))
    },
  })
  return {
    orm: 'drizzle',
    transaction: async (work) => {
      await db.transaction(async (tx) => work(wrap(tx)))
    },
    close: async () => pool.end(),
  }
}
