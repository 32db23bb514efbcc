import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { Pool } from 'pg'
import { withOutbox } from '@outboxkit/drizzle'
import { aggregatesTable, ledgerTable } from '../../checker/ledger.js'
import { drizzleClient } from '../clients/drizzle.js'
import { knexClient } from '../clients/knex.js'
import { prismaClient } from '../clients/prisma.js'
import { foreignTable, type ClientOptions, type WorkloadDatabase } from './database.js'

export const postgres: WorkloadDatabase = {
  dialect: 'postgres',

  async clients(options) {
    const { databaseUrl, connections: max } = options
    return [
      await prismaClient(options.place, {
        provider: 'postgresql',
        adapter: new PrismaPg({ connectionString: databaseUrl, max }),
      }),
      onDrizzle(options),
      knexClient(
        options.place,
        knex({ client: 'pg', connection: databaseUrl, pool: { min: 0, max } }),
        (result) => (result as { rows: Record<string, unknown>[] }).rows,
      ),
    ]
  },

  async nextSeq(tx, aggregateId, place) {
    const [row] = await tx.query(
      `update "${place.schema}".${aggregatesTable} set counter = counter + 1 where id = $1 returning counter`,
      [aggregateId],
    )
    if (row === undefined) throw new Error(`no aggregate ${aggregateId}`)
    return Number(row['counter'])
  },

  insertLedgerSql: (place) =>
    `insert into "${place.schema}".${ledgerTable}
       (event_id, orm, attempt, aggregate_type, aggregate_id, seq, type, payload, headers)
     values ($1::text::uuid, $2, $3, $4, $5, $6::text::bigint, $7, $8, $9)`,

  createForeignSql: (place) => `create table "${place.schema}".${foreignTable} (id bigint)`,
  insertForeignSql: (place, value) => `insert into "${place.schema}".${foreignTable} values (${value})`,

  prepareRelays: () => Promise.resolve(),
  relayUrl(url, schema) {
    const changed = new URL(url)
    changed.searchParams.set('application_name', applicationOf(schema))
    return changed.href
  },
  async endRelayConnections(connection, place) {
    const [row] = await connection.query(
      'select count(pg_terminate_backend(pid)) as ended from pg_stat_activity where application_name = $1',
      [applicationOf(place.schema)],
    )
    return Number(row?.['ended'])
  },
  forgetRelays: () => Promise.resolve(),
}

const applicationOf = (schema: string): string => `relay-${schema}`

function onDrizzle(options: ClientOptions): ReturnType<typeof drizzleClient> {
  const pool = new Pool({ connectionString: options.databaseUrl, max: options.connections })
  // A connection that breaks fails its statement; without listeners the same error would also end the process, of
  // an idle connection through the pool, of one in a transaction through the client itself.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const { schema, outbox: name } = options.place
  return drizzleClient(withOutbox(drizzle(pool), { table: { name, schema } }), {
    rows: (result) => (result as { rows: Record<string, unknown>[] }).rows,
    close: () => pool.end(),
  })
}
