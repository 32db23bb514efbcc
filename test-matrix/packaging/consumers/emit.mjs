// An ES module: imports every package and emits through Knex.
import { withOutbox } from '@outboxkit/knex'
import * as core from '@outboxkit/core'
import * as drizzle from '@outboxkit/drizzle'
import * as kafka from '@outboxkit/kafka'
import * as driver from '@outboxkit/kafka/kafkajs'
import * as prisma from '@outboxkit/prisma'
import * as relay from '@outboxkit/relay'
import * as postgres from '@outboxkit/relay/postgres'
import * as testing from '@outboxkit/testing'
import knex from 'knex'

const modules = { core, drizzle, kafka, driver, prisma, relay, postgres, testing }
for (const [name, module] of Object.entries(modules))
  if (Object.keys(module).length === 0) throw new Error(`${name} exports nothing`)

const db = withOutbox(knex({ client: 'pg', connection: process.env.DATABASE_URL }), {
  table: { schema: process.env.SCHEMA },
})
const id = await db.transaction((trx) =>
  trx.emit({ aggregateType: 'order', aggregateId: 1, type: 'order.placed', payload: { from: 'esm' } }),
)
console.log(id)
await db.destroy()
