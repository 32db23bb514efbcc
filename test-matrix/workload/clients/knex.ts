import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'
import type { ClientOptions } from './options.js'

export function knexClient(options: ClientOptions): WorkloadClient {
  const db = withOutbox(
    knex({ client: 'pg', connection: options.databaseUrl, pool: { min: 0, max: options.connections } }),
    { table: { name: options.place.outbox, schema: options.place.schema } },
  )
  type Trx = Parameters<Parameters<typeof db.transaction>[0]>[0]
  const wrap = (trx: Trx): WorkloadTransaction => ({
    sql: async (text, values) => {
      const result = (await trx.raw(text.replaceAll(/\$\d+/g, '?'), [...values])) as {
        rows: Record<string, unknown>[]
      }
      return result.rows
    },
    emit: trx.emit.bind(trx) as WorkloadTransaction['emit'],
    savepoint: async (work) => {
      await trx.transaction(async (nested) => work(wrap(nested)))
    },
  })
  return {
    orm: 'knex',
    transaction: async (work) => {
      await db.transaction(async (trx) => work(wrap(trx)))
    },
    close: async () => db.destroy(),
  }
}
