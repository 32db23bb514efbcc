import { withOutbox } from '@outboxkit/knex'
import type { Knex } from 'knex'
import type { LedgerPlace } from '../../checker/ledger.js'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'

/** `rows`: those in what `raw` answers on this database. */
export function knexClient(
  place: LedgerPlace,
  knex: Knex,
  rows: (result: unknown) => Record<string, unknown>[],
): WorkloadClient {
  const db = withOutbox(knex, { table: { name: place.outbox, schema: place.schema } })
  type Trx = Parameters<Parameters<typeof db.transaction>[0]>[0]
  const run = async (trx: Trx, text: string, values: readonly string[]): Promise<unknown> =>
    trx.raw(text.replaceAll(/\$\d+/g, '?'), [...values])
  const wrap = (trx: Trx): WorkloadTransaction => ({
    query: async (text, values) => rows(await run(trx, text, values)),
    execute: async (text, values) => void (await run(trx, text, values)),
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
