// Compiled against every supported version of Drizzle, like handles.test-d.ts.
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as mysql2 } from 'drizzle-orm/mysql2'
import { eq } from 'drizzle-orm'
import { expectTypeOf, test } from 'vitest'
import { inboxTable, mysqlOutboxTables, outboxTable, outboxTables } from '@outboxkit/drizzle'

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

test('what was asked for besides', () => {
  const tables = outboxTables({ with: ['archive', 'deliver-at'], payload: 'bytes' })
  expectTypeOf<typeof tables.outbox.$inferSelect.deliverAt>().toEqualTypeOf<Date | null>()
  expectTypeOf<typeof tables.outbox.$inferSelect.payload>().toEqualTypeOf<Uint8Array | null>()
  expectTypeOf<typeof tables.outboxArchive.$inferSelect.publishedAt>().toEqualTypeOf<Date>()
  // @ts-expect-error -- not asked for
  void tables.outboxInbox
  const { outboxInbox } = outboxTables({ with: ['inbox'] })
  expectTypeOf<typeof outboxInbox.$inferSelect>().toEqualTypeOf<{
    consumer: string
    id: string
    claimedAt: Date
  }>()
  expectTypeOf(inboxTable()).toEqualTypeOf(outboxInbox)
  // @ts-expect-error -- no such part
  outboxTables({ with: ['nope'] })
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
  const { outboxInbox, outboxArchive } = mysqlOutboxTables({ with: ['inbox', 'archive', 'deliver-at'] })
  expectTypeOf<typeof outboxInbox.$inferSelect.consumer>().toEqualTypeOf<string>()
  expectTypeOf<typeof outboxArchive.$inferSelect.deliverAt>().toEqualTypeOf<Date | null>()
})
