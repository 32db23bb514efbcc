import type { BenchDatabase } from './database.js'
import { startMysqlBench } from './mysql.js'
import type { DatabaseName } from './options.js'
import { startPostgresBench } from './postgres.js'

/** Starts the server, or uses the one that is named in the environment, and makes a database of the bench's own. */
export function startDatabase(name: DatabaseName): Promise<BenchDatabase> {
  return name === 'postgres' ? startPostgresBench() : startMysqlBench(name)
}
