import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'
import { database, databaseUrl } from './config.js'
import { events } from './events.js'

const client = database === 'mysql' ? 'mysql2' : 'pg'

export const db = withOutbox(knex.knex({ client, connection: databaseUrl, pool: { min: 0, max: 10 } }), {
  events,
})

export const close = (): Promise<void> => db.destroy()
