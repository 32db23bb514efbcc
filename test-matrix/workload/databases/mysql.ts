import { createHash } from 'node:crypto'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { drizzle } from 'drizzle-orm/mysql2'
import knex from 'knex'
import { createPool } from 'mysql2/promise'
import { withOutbox } from '@outboxkit/drizzle'
import { aggregatesTable, ledgerTable } from '../../checker/ledger.js'
import { drizzleClient } from '../clients/drizzle.js'
import { knexClient } from '../clients/knex.js'
import { prismaClient } from '../clients/prisma.js'
import { foreignTable, type ClientOptions, type WorkloadDatabase } from './database.js'

/** MySQL and MariaDB. A deadlock (1213) rolls back a whole transaction there: it fails like any other error. */
export const mysql: WorkloadDatabase = {
  dialect: 'mysql',

  async clients(options) {
    const { databaseUrl, connections: max } = options
    return [
      await prismaClient(options.place, {
        provider: 'mysql',
        adapter: new PrismaMariaDb(prismaConfig(options)),
      }),
      onDrizzle(options),
      knexClient(
        options.place,
        knex({ client: 'mysql2', connection: databaseUrl, pool: { min: 0, max } }),
        rowsOf,
      ),
    ]
  },

  async nextSeq(tx, aggregateId, place) {
    const table = `\`${place.schema}\`.${aggregatesTable}`
    await tx.execute(`update ${table} set counter = counter + 1 where id = $1`, [aggregateId])
    // A transaction sees what it has changed itself, whatever its snapshot.
    const [row] = await tx.query(`select counter from ${table} where id = $1`, [aggregateId])
    if (row === undefined) throw new Error(`no aggregate ${aggregateId}`)
    return Number(row['counter'])
  },

  insertLedgerSql: (place) =>
    `insert into \`${place.schema}\`.${ledgerTable}
       (event_id, orm, attempt, aggregate_type, aggregate_id, seq, type, payload, headers)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,

  createForeignSql: (place) => `create table \`${place.schema}\`.${foreignTable} (id bigint)`,
  insertForeignSql: (place, value) => `insert into \`${place.schema}\`.${foreignTable} values (${value})`,

  // An account of their own, with the rights that a relay needs and no others.
  async prepareRelays(connection, place) {
    const account = `${accountOf(place.schema)}@'%'`
    const [row] = await connection.query<{ version: string }>('select version() as version')
    await connection.query(`create user ${account} identified by ''`)
    await connection.query(`grant select, insert, update, delete on \`${place.schema}\`.* to ${account}`)
    if (row?.version.includes('MariaDB')) await connection.query(`grant process on *.* to ${account}`)
    else
      for (const table of witnessTables)
        await connection.query(`grant select on performance_schema.${table} to ${account}`)
  },
  relayUrl(url, schema) {
    const changed = new URL(url)
    changed.username = accountOf(schema)
    return changed.href
  },
  async endRelayConnections(connection, place) {
    const sessions = await connection.query<{ id: number }>(
      'select id as id from information_schema.processlist where user = ?',
      [accountOf(place.schema)],
    )
    let ended = 0
    for (const { id } of sessions)
      await connection.query(`kill ${id}`).then(
        () => (ended += 1),
        // 1094: it has gone by itself meanwhile.
        (error: { errno?: number }) => {
          if (error.errno !== 1094) throw error
        },
      )
    return ended
  },
  forgetRelays: async (connection, place) =>
    void (await connection.query(`drop user if exists ${accountOf(place.schema)}@'%'`)),
}

/** A name of an account has at most 32 characters. */
const accountOf = (schema: string): string =>
  `relay_${createHash('sha256').update(schema).digest('hex').slice(0, 20)}`

const witnessTables = ['metadata_locks', 'threads', 'events_statements_current', 'setup_instruments']

/** Both of mysql2's callers answer with the rows and the columns. */
const rowsOf = (result: unknown): Record<string, unknown>[] => (result as [Record<string, unknown>[]])[0]

function onDrizzle({ databaseUrl, connections, place }: ClientOptions): ReturnType<typeof drizzleClient> {
  const pool = createPool({ uri: databaseUrl, connectionLimit: connections })
  const { schema, outbox: name } = place
  return drizzleClient(withOutbox(drizzle(pool), { table: { name, schema } }), {
    rows: rowsOf,
    close: () => pool.end(),
  })
}

function prismaConfig({
  databaseUrl,
  connections,
}: ClientOptions): ConstructorParameters<typeof PrismaMariaDb>[0] {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  return {
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    connectionLimit: connections,
    // MySQL's default way to authenticate asks for it where there is no TLS.
    allowPublicKeyRetrieval: true,
  }
}
