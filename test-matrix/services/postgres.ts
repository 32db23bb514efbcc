import { containersWanted } from './docker.js'
import { startPostgresContainer } from './postgres-docker.js'
import { fetchPostgres, startLocalPostgres } from './postgres-local.js'
import type { PostgresOptions, PostgresServer } from './server.js'

export { fetchPostgres }

/** A PostgreSQL server of its own, on a free port, ready for clients. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  return (await containersWanted()) ? startPostgresContainer(options) : startLocalPostgres(options)
}
