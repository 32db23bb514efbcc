import { createTablesSql } from '@outboxkit/core'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'
import { freshSchema } from '../../../test-matrix/services/test-context.js'

export interface TestDatabase {
  readonly url: string
  readonly schema: string
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Types of the stored events, in order, through a plain driver. */
  types(): Promise<string[]>
}

/** A schema of the test's own with the outbox and a table `rows (id)`; both go with the test. */
export async function testDatabase(): Promise<TestDatabase> {
  const fresh = await freshSchema(inject('postgresUrl'), 'knex')
  onTestFinished(() => fresh.drop())
  const { schema, url } = fresh
  const query = (sql: string): Promise<Record<string, unknown>[]> => fresh.query(sql)
  for (const sql of createTablesSql('postgres')) await query(sql)
  await query(
    'create table rows (id int primary key, parent_id int references rows (id) deferrable initially deferred)',
  )
  const types = async (): Promise<string[]> => {
    const rows = await query('select type from outbox order by position')
    return rows.map((row) => String(row['type']))
  }
  return { url, schema, query, types }
}

/** Ends the server's side of every other connection that is in a transaction in this schema. */
export async function killTransactions(database: TestDatabase): Promise<void> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where pid <> pg_backend_pid() and application_name = $1 and state like 'idle in transaction%'`,
    [database.schema],
  )
  await client.end()
}
