import { withOutbox } from '@outboxkit/drizzle'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { databaseUrl } from '../config.js'
import { events } from '../events.js'

const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
// A connection that breaks would end the process otherwise: pg reports it as an event of the pool or the client.
pool.on('error', (error) => console.error(error.message))
pool.on('connect', (client) => client.on('error', (error) => console.error(error.message)))

export const db = withOutbox(drizzle(pool), { events })

export const close = (): Promise<void> => pool.end()
