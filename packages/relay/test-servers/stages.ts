import { createTablesSql, type Dialect } from '@outboxkit/core'
import type { Source } from '@outboxkit/relay'
import { mysqlSource, type MysqlPool } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { randomUUID } from 'node:crypto'
import { createConnection, type Connection } from 'mysql2/promise'
import { inject } from 'vitest'
import { freshDatabase, freshSchema } from '../../../test-matrix/services/test-context.js'

/** Tables of one test on one kind of server, seen through a plain driver. */
export interface Stage {
  query(text: string): Promise<readonly Record<string, unknown>[]>
  createTables(): Promise<void>
  /** A source whose connections can be told from others by `name`. */
  source(name: string): Source
  /** Ends the connections of a source; how many there were. */
  killConnections(name: string): Promise<number>
  /** Something after which the table cannot be read in order. */
  spoil(): Promise<void>
  drop(): Promise<void>
}

export interface Row {
  readonly id?: string
  readonly key: string | null
  readonly topic?: string | null
  readonly payload?: string
  readonly headers?: string
}

/** Rows in one statement, numbered one after the other. */
export async function insertRows(stage: Stage, rows: readonly Row[]): Promise<void> {
  const quote = (value: string | null | undefined): string => (value == null ? 'null' : `'${value}'`)
  const values = rows.map(
    ({ id = randomUUID(), key, topic, payload = '{}', headers }) =>
      `(${quote(id)}, 'order', ${quote(key)}, 'order.placed', ${quote(payload)}, ${quote(headers)}, ${quote(topic)})`,
  )
  await stage.query(
    `insert into outbox (id, aggregatetype, aggregateid, type, payload, headers, topic) values ${values.join(', ')}`,
  )
}

const createTables = async (query: Stage['query'], dialect: Dialect): Promise<void> => {
  for (const statement of createTablesSql(dialect)) await query(statement)
}

async function postgresStage(): Promise<Stage> {
  const schema = await freshSchema(inject('postgresUrl'), 'relay')
  const applicationOf = (name: string): string => `${schema.schema}_${name}`
  return {
    query: (text) => schema.query(text),
    createTables: () => createTables((text) => schema.query(text), 'postgres'),
    source(name) {
      const url = new URL(schema.url)
      url.searchParams.set('application_name', applicationOf(name))
      return postgresSource({ url: url.href })
    },
    async killConnections(name) {
      const killed = await schema.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
        [applicationOf(name)],
      )
      return killed.length
    },
    spoil: async () => void (await schema.query('alter table outbox alter column position set cache 20')),
    drop: () => schema.drop(),
  }
}

async function mysqlStage(serverUrl: string): Promise<Stage> {
  const database = await freshDatabase(serverUrl, 'relay')
  const query = (text: string): Promise<Record<string, unknown>[]> => database.query(text)
  // Sessions have no names of their own.
  const sessions = new Map<string, number[]>()
  return {
    query,
    createTables: () => createTables(query, 'mysql'),
    source(name) {
      const ids: number[] = []
      sessions.set(name, ids)
      const getConnection = async (): Promise<Connection> => {
        const connection = await createConnection(database.url)
        ids.push(connection.threadId)
        return connection
      }
      return mysqlSource({ pool: { getConnection } as MysqlPool, onWarning: () => undefined })
    },
    async killConnections(name) {
      const ids = sessions.get(name)?.splice(0) ?? []
      for (const id of ids) await query(`kill ${id}`).catch(() => undefined)
      return ids.length
    },
    async spoil() {
      await query('drop table outbox')
      const [statement = ''] = createTablesSql('mysql')
      await query(statement.replace('InnoDB', 'MyISAM'))
    },
    drop: () => database.drop(),
  }
}

export const stages: readonly { name: string; dialect: Dialect; open: () => Promise<Stage> }[] = [
  { name: 'postgres', dialect: 'postgres', open: postgresStage },
  { name: 'mysql', dialect: 'mysql', open: () => mysqlStage(inject('mysqlUrl')) },
  { name: 'mariadb', dialect: 'mysql', open: () => mysqlStage(inject('mariadbUrl')) },
]
