import type { LedgerDatabase } from './database.js'
import { mysqlLedger } from './mysql.js'
import { postgresLedger } from './postgres.js'

export type { LedgerDatabase, LedgerTableRow, SqlConnection } from './database.js'

/** By the URL's scheme; MariaDB is spoken to as MySQL. */
export function ledgerOn(url: string): LedgerDatabase {
  return url.startsWith('mysql:') ? mysqlLedger : postgresLedger
}
