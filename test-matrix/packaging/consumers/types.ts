// Compiled by the consumer's own TypeScript, with `moduleResolution` node16 and bundler.
import { createEmit, defineEvents, typed, withOutbox, type OutboxTx } from '@outboxkit/knex'
import { OutboxError, type OutboxErrorCode } from '@outboxkit/core'
import { withOutbox as withDrizzle } from '@outboxkit/drizzle'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { withOutbox as withPrisma } from '@outboxkit/prisma'
import { createRelay } from '@outboxkit/relay'
import { postgresSource } from '@outboxkit/relay/postgres'
import { drizzle } from 'drizzle-orm/node-postgres'
import { knex } from 'knex'

const events = defineEvents({
  'order.placed': { aggregateType: 'order', payload: typed<{ total: number }>() },
})
const db = withOutbox(knex({ client: 'pg' }), { events })
type Tx = OutboxTx<typeof db>

export async function place(trx: Tx): Promise<string> {
  // @ts-expect-error the payload is wrong
  void trx.emit({ type: 'order.placed', aggregateId: 1, payload: { total: 'x' } })
  return trx.emit({ type: 'order.placed', aggregateId: 1, payload: { total: 1 } })
}

export const emit = createEmit({ events })
export const viaDrizzle = withDrizzle(drizzle('postgres://localhost/x'), { events })
export const relay = createRelay({
  source: postgresSource({ url: 'postgres://localhost/x' }),
  publisher: kafkaPublisher({ driver: kafkajs({ brokers: ['localhost:9092'] }) }),
})
export const code: OutboxErrorCode = new OutboxError('OUTBOX_EVENT_INVALID', 'x').code
export const wrap = withPrisma
