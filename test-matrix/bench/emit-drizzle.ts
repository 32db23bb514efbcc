import { withOutbox } from '@outboxkit/drizzle'
import { sql, type SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { handWrittenInsert, handWrittenValues, type EmitClient, type EmitTarget } from './emit-client.js'

const orders = pgTable('bench_orders', {
  id: bigint({ mode: 'number' }).primaryKey(),
  total: bigint({ mode: 'number' }).notNull(),
  note: text(),
})

export function drizzlePostgresClient({ database, url }: EmitTarget): Promise<EmitClient> {
  const pools = [0, 1].map(() => new pg.Pool({ connectionString: url, max: 1 }))
  const [forEmit, forHand] = pools as [pg.Pool, pg.Pool]
  const db = withOutbox(drizzle(forEmit))
  const plain = drizzle(forHand)
  return Promise.resolve({
    emitted: (id, events) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ id, total: 100, note: 'bench' })
        if (events.length === 1) for (const event of events) await tx.emit(event)
        else await tx.emit(events)
      }),
    unawaited: (id, event) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ id, total: 100, note: 'bench' })
        void tx.emit(event)
      }),
    byHand: (id, events) =>
      plain.transaction(async (tx) => {
        await tx.insert(orders).values({ id, total: 100, note: 'bench' })
        const strings = handWrittenInsert(events.length, database, () => '?').split('?')
        await tx.execute(tagged(strings, handWrittenValues(events)))
      }),
    end: async () => {
      await Promise.all(pools.map((pool) => pool.end()))
    },
  })
}

/** Drizzle's tag with a number of parameters that is not known when the text is written. */
export function tagged(strings: readonly string[], values: readonly (string | null)[]): SQL {
  return sql(Object.assign([...strings], { raw: strings }), ...values)
}
