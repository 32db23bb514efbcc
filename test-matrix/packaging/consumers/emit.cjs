// CommonJS: requires every package and emits through Knex.
const { withOutbox } = require('@outboxkit/knex')
const knex = require('knex')

for (const name of [
  'core',
  'drizzle',
  'kafka',
  'kafka/kafkajs',
  'prisma',
  'relay',
  'relay/postgres',
  'testing',
])
  if (Object.keys(require(`@outboxkit/${name}`)).length === 0) throw new Error(`${name} exports nothing`)

async function main() {
  const db = withOutbox(knex({ client: 'pg', connection: process.env.DATABASE_URL }), {
    table: { schema: process.env.SCHEMA },
  })
  const id = await db.transaction((trx) =>
    trx.emit({ aggregateType: 'order', aggregateId: 1, type: 'order.placed', payload: { from: 'cjs' } }),
  )
  console.log(id)
  await db.destroy()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
