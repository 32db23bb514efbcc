// Compiled against every supported version of Drizzle, like handles.test-d.ts.
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as mysql2 } from 'drizzle-orm/mysql2'
import { eq } from 'drizzle-orm'
import { expectTypeOf, test } from 'vitest'
import { mysqlOutboxTables, outboxTable, outboxTables } from '@outboxkit/drizzle'

const { outbox, outboxLease, outboxHeld } = outboxTables()
const db = drizzle('postgres://unused')

test('rows of the outbox', async () => {
  const [row] = await db
    .select()
    .from(outbox)
    .where(eq(outbox.aggregateType, 'order'))
    .orderBy(outbox.position)
  expectTypeOf(row!).toEqualTypeOf<{
    position: number
    id: string
    aggregateType: string
    aggregateId: string | null
    type: string
    payload: unknown
    headers: unknown
    topic: string | null
    createdAt: Date
  }>()
  // @ts-expect-error -- no such column
  void outbox.nope
})

test('bytes', () => {
  const bytes = outboxTable({ payload: 'bytes', schema: 'app' })
  expectTypeOf<typeof bytes.$inferSelect.payload>().toEqualTypeOf<Uint8Array | null>()
  // @ts-expect-error -- not a payload type
  outboxTable({ payload: 'xml' })
})

test('rows of the others', () => {
  expectTypeOf<typeof outboxHeld.$inferSelect.attempts>().toEqualTypeOf<number>()
  expectTypeOf<typeof outboxHeld.$inferSelect.notBefore>().toEqualTypeOf<Date | null>()
  expectTypeOf<typeof outboxLease.$inferSelect.epoch>().toEqualTypeOf<number>()
  expectTypeOf<typeof outboxLease.$inferSelect.owner>().toEqualTypeOf<string | null>()
})

test('what an INSERT needs', () => {
  expectTypeOf<{ id: string; aggregateType: string; type: string }>().toExtend<typeof outbox.$inferInsert>()
  expectTypeOf<{ id: string; type: string }>().not.toExtend<typeof outbox.$inferInsert>()
})

test('mysql', async () => {
  const tables = mysqlOutboxTables()
  const [row] = await mysql2('mysql://unused').select().from(tables.outbox)
  expectTypeOf(row!).toEqualTypeOf<{
    position: number
    id: string
    aggregateType: string
    aggregateId: string | null
    type: string
    payload: string | null
    headers: string | null
    topic: string | null
    createdAt: Date
  }>()
  expectTypeOf<typeof tables.outboxHeld.$inferSelect.reason>().toEqualTypeOf<string>()
})
