import type { AdapterCapabilities, AdapterHarness } from '@outboxkit/testing/conformance'
import { createPool, type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import { inject } from 'vitest'

type OfDatabase = 'abortsOnFailure' | 'deferredConstraints' | 'statementTriggers' | 'lockKey'

/** A database as the adapter suite needs it, without an ORM. */
export interface SuiteDatabase {
  /** For titles. */
  readonly name: string
  readonly dialect: AdapterHarness['dialect']
  readonly url: string
  readonly capabilities: Pick<AdapterCapabilities, OfDatabase>
  /** Through a plain driver. */
  readonly query: AdapterHarness['query']
}

export function postgresDatabase(): SuiteDatabase {
  const url = inject('postgresUrl')
  const pool = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
  return {
    name: 'PostgreSQL',
    dialect: 'postgres',
    url,
    capabilities: {
      abortsOnFailure: true,
      deferredConstraints: true,
      statementTriggers: true,
      lockKey: true,
    },
    query: async (sql) => (await pool.query<Record<string, unknown>>(sql)).rows,
  }
}

export const mysqlDatabase = (): SuiteDatabase => mysqlFamily('MySQL', inject('mysqlUrl'))
export const mariadbDatabase = (): SuiteDatabase => mysqlFamily('MariaDB', inject('mariadbUrl'))

function mysqlFamily(name: string, url: string): SuiteDatabase {
  const pool = createPool({ uri: url, connectionLimit: 2 })
  return {
    name,
    dialect: 'mysql',
    url,
    capabilities: {
      abortsOnFailure: { missing: `on ${name} a failed statement leaves the transaction as it is` },
      deferredConstraints: { missing: `${name} checks constraints at each statement` },
      statementTriggers: true,
      lockKey: {
        missing: `${name} has no locks that end with the transaction, so the option is refused`,
      },
    },
    query: async (sql) => (await pool.query<RowDataPacket[]>(sql))[0],
  }
}

/** The URL of the server with another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}
