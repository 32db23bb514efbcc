import { inject } from 'vitest'
import { freshDatabase, freshSchema } from '../../../test-matrix/services/test-context.js'
import { openDatabase, type Database } from '../src/index.js'

export const servers = ['postgres', 'mysql', 'mariadb'] as const
export type Server = (typeof servers)[number]

export interface TestDatabase extends AsyncDisposable {
  readonly server: Server
  /** Everything in the schema (PostgreSQL) or database of the test's own. */
  readonly url: string
  readonly database: Database
  /** Tables that there are, sorted; partitions too. */
  tableNames(): Promise<readonly string[]>
  run(statements: readonly string[]): Promise<void>
}

export const withoutZeroDates =
  "set session sql_mode = replace(replace(@@sql_mode, 'NO_ZERO_DATE', ''), 'NO_ZERO_IN_DATE', '')"

/** An empty schema or database, and a connection to it. */
export async function freshTestDatabase(server: Server, prefix = 'migrate'): Promise<TestDatabase> {
  const fresh =
    server === 'postgres'
      ? await freshSchema(inject('postgresUrl'), prefix)
      : await freshDatabase(inject(`${server}Url`), prefix)
  const database = await openDatabase({
    dialect: server === 'postgres' ? 'postgres' : 'mysql',
    url: fresh.url,
  })
  // What docs/migrations.md says for MySQL 8.0.15; newer ones do not mind.
  if (server !== 'postgres') await database.query(withoutZeroDates)
  const current = server === 'postgres' ? 'current_schema()' : 'database()'
  return {
    server,
    url: fresh.url,
    database,
    async tableNames() {
      const rows = await database.query(
        `select table_name as name from information_schema.tables where table_schema = ${current} order by 1`,
      )
      return rows.map(({ name }) => String(name))
    },
    async run(statements) {
      for (const statement of statements) await database.query(statement)
    },
    async [Symbol.asyncDispose]() {
      await database.close()
      await fresh.drop()
    },
  }
}
