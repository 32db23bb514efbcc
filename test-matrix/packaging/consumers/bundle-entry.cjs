// What is bundled: one service in one file.
const { withOutbox } = require('@outboxkit/knex')
const knex = require('knex')

const db = withOutbox(knex({ client: 'pg', connection: process.env.DATABASE_URL }), {
  table: { schema: process.env.SCHEMA },
})
db.transaction((trx) =>
  trx.emit({ aggregateType: 'order', aggregateId: 1, type: 'order.placed', payload: { from: 'bundle' } }),
)
  .then((id) => console.log(id))
  .finally(() => db.destroy())
