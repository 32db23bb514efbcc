import { withOutbox } from '@outboxkit/drizzle'
import { bigint, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import { handWrittenInsert, handWrittenValues, type EmitClient, type EmitTarget } from './emit-client.js'
import { tagged } from './emit-drizzle.js'

const orders = mysqlTable('bench_orders', {
  id: bigint({ mode: 'number' }).primaryKey(),
  total: bigint({ mode: 'number' }).notNull(),
  note: varchar({ length: 100 }),
})

export function drizzleMysqlClient({ database, url }: EmitTarget): Promise<EmitClient> {
  const forEmit = createPool({ uri: url, connectionLimit: 1 })
  const forHand = createPool({ uri: url, connectionLimit: 1 })
  const db = withOutbox(drizzle(forEmit))
  const plain = drizzle(forHand)
  const order = (id: number) => ({ id, total: 100, note: 'bench' })
  return Promise.resolve({
    emitted: (id, events) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values(order(id))
        if (events.length === 1) for (const event of events) await tx.emit(event)
        else await tx.emit(events)
      }),
    unawaited: (id, event) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values(order(id))
        void tx.emit(event)
      }),
    byHand: (id, events) =>
      plain.transaction(async (tx) => {
        await tx.insert(orders).values(order(id))
        const strings = handWrittenInsert(events.length, database, () => '?').split('?')
        await tx.execute(tagged(strings, handWrittenValues(events)))
      }),
    end: async () => {
      await Promise.all([forEmit.end(), forHand.end()])
    },
  })
}
