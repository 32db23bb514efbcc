import { withOutbox } from '@outboxkit/drizzle'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { databaseUrl } from './config.js'
import { events } from './events.js'

const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })

export const db = withOutbox(drizzle(pool), { events })

export const close = (): Promise<void> => pool.end()
