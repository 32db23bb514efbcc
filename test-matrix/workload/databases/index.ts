import type { WorkloadDatabase } from './database.js'
import { mysql } from './mysql.js'
import { postgres } from './postgres.js'

export type { ClientOptions, WorkloadDatabase } from './database.js'

/** By the URL's scheme; MariaDB is spoken to as MySQL. */
export function databaseAt(url: string): WorkloadDatabase {
  return url.startsWith('mysql:') ? mysql : postgres
}
