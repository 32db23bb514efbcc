// The ESM and the CommonJS build in one process: two copies that must recognise each other's errors, ids and
// transactions.
import { createRequire } from 'node:module'
import * as esmCore from '@outboxkit/core'
import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'

const require = createRequire(import.meta.url)
const cjsCore = require('@outboxkit/core')
const { createEmit } = require('@outboxkit/knex')

const check = (condition, text) => {
  if (!condition) throw new Error(text)
}

check(esmCore.OutboxError !== cjsCore.OutboxError, 'these should be two copies')
check(
  cjsCore.isOutboxError(new esmCore.OutboxError('OUTBOX_EVENT_INVALID', 'x')),
  'an ESM error is not recognised by CommonJS',
)
check(
  esmCore.isOutboxError(new cjsCore.OutboxError('OUTBOX_EVENT_INVALID', 'x')),
  'a CommonJS error is not recognised by ESM',
)

let last = ''
for (let index = 0; index < 10_000; index++) {
  const id = (index % 2 === 0 ? esmCore : cjsCore).uuidv7()
  check(id > last, 'ids of the two copies are not increasing')
  last = id
}

// The transaction is wrapped by one copy, the function form comes from the other: it must join, not run by itself.
const options = { table: { schema: process.env.SCHEMA } }
const db = withOutbox(knex({ client: 'pg', connection: process.env.DATABASE_URL }), options)
const emit = createEmit(options)
const event = (n) => ({
  aggregateType: 'order',
  aggregateId: 1,
  type: 'order.placed',
  payload: { from: 'both', n },
})
await db.transaction(async (trx) => {
  void trx.emit(event(1))
  void emit(trx, event(2))
  await trx.emit(event(3))
})
await db.destroy()
