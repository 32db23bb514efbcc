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

  // Neither MariaDB nor the URL knows a name of the application.
  relayUrl: (url) => url,
}

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
