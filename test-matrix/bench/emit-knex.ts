import { withOutbox } from '@outboxkit/knex'
import knex, { type Knex } from 'knex'
import { handWrittenInsert, handWrittenValues, type EmitClient, type EmitTarget } from './emit-client.js'

export function knexClient({ database, url }: EmitTarget): Promise<EmitClient> {
  const open = (): Knex =>
    knex({ client: database === 'postgres' ? 'pg' : 'mysql2', connection: url, pool: { min: 1, max: 1 } })
  const db = withOutbox(open())
  const plain = open()
  const order = (trx: Knex, id: number): PromiseLike<unknown> =>
    trx('bench_orders').insert({ id, total: 100, note: 'bench' })
  return Promise.resolve({
    emitted: (id, events) =>
      db.transaction(async (trx) => {
        await order(trx, id)
        if (events.length === 1) for (const event of events) await trx.emit(event)
        else await trx.emit(events)
      }),
    unawaited: (id, event) =>
      db.transaction(async (trx) => {
        await order(trx, id)
        void trx.emit(event)
      }),
    byHand: (id, events) =>
      plain.transaction(async (trx) => {
        await order(trx, id)
        await trx.raw(
          handWrittenInsert(events.length, database, () => '?'),
          handWrittenValues(events) as Knex.RawBinding[],
        )
      }),
    end: async () => {
      await Promise.all([db.destroy(), plain.destroy()])
    },
  })
}
