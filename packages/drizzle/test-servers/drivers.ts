import { mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle as mysql2 } from 'drizzle-orm/mysql2'
import { drizzle as nodePostgres } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle as postgresJs } from 'drizzle-orm/postgres-js'
import { npmVersion } from 'drizzle-orm/version'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { withDatabase } from '../../../test-matrix/conformance/databases.js'

/** One type for all drivers and versions: the tests use what they have in common. */
export type Database = ReturnType<typeof nodePostgres>

export interface OpenDatabase {
  readonly db: Database
  readonly close: () => Promise<void>
}

export interface Driver {
  readonly name: string
  /** A database whose own schema is `schema`, with at least five connections. */
  open(url: string, schema: string): OpenDatabase
}

/** The Drizzle that this project of vitest runs with. */
export const version = npmVersion

/** On PostgreSQL. */
export const drivers: readonly Driver[] = [
  {
    name: 'node-postgres',
    open(url, schema) {
      const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${schema}`, max: 8 })
      // A test that ends a connection ends an idle one too; without a listener that would end the run.
      pool.on('error', () => {})
      return { db: nodePostgres({ client: pool }), close: () => pool.end() }
    },
  },
  {
    name: 'postgres.js',
    open(url, schema) {
      const client = postgres(url, { max: 8, connection: { search_path: schema }, onnotice: () => {} })
      return { db: postgresJs({ client }) as unknown as Database, close: () => client.end({ timeout: 5 }) }
    },
  },
]

/** On MySQL and MariaDB. */
export const mysqlDriver: Driver = {
  name: 'mysql2',
  open(url, schema) {
    const pool = createPool({ uri: withDatabase(url, schema), connectionLimit: 8 })
    return { db: mysql2({ client: pool }) as unknown as Database, close: () => pool.end() }
  },
}

export const business = pgTable('business', { id: text('id').primaryKey(), parent: text('parent') })

export const mysqlBusiness = mysqlTable('business', {
  id: varchar('id', { length: 255 }).primaryKey(),
  parent: varchar('parent', { length: 255 }),
}) as unknown as typeof business
