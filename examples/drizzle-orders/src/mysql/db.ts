import { withOutbox } from '@outboxkit/drizzle'
import { drizzle } from 'drizzle-orm/mysql2'
import mysql from 'mysql2/promise'
import { databaseUrl } from '../config.js'
import { events } from '../events.js'

const pool = mysql.createPool({ uri: databaseUrl, connectionLimit: 10 })

export const db = withOutbox(drizzle(pool), { events })

export const close = (): Promise<void> => pool.end()
