import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'
import { databaseUrl } from './config.js'
import { events } from './events.js'

export const db = withOutbox(
  knex.knex({ client: 'pg', connection: databaseUrl, pool: { min: 0, max: 10 } }),
  { events },
)

export const close = (): Promise<void> => db.destroy()
