import type { MysqlAdapterHarness } from '@outboxkit/testing/conformance'
import mysql from 'mysql2/promise'
import { inject } from 'vitest'
import { schemas } from '../../../../test-matrix/conformance/schemas.js'
import { appOf } from './harness.js'
import { clientsOf, type TestTx } from './open.js'
import type { mysqlServers, Target } from './targets.js'

/** The adapter suite's view of one generated client on a MySQL or MariaDB server. `adapter`: options of PrismaMariaDb. */
export async function mysqlHarness(
  target: Target,
  server: (typeof mysqlServers)[number],
  adapter: object = {},
): Promise<MysqlAdapterHarness> {
  const url = inject(server.key)
  const oracle = mysql.createPool({ uri: url, connectionLimit: 2, charset: 'utf8mb4' })
  const clients = await clientsOf(target)
  const onlyPostgres = (what: string) => ({ missing: `${what} is PostgreSQL's` })
  return {
    name: `${target.name}, ${server.name}`,
    dialect: 'mysql',
    capabilities: {
      nested: target.savepoints || { missing: 'transactions can be nested since Prisma 7.5' },
      batch: true,
      seesPlainEnd: true,
      abortsOnFailure: onlyPostgres('a transaction that aborts at its first failed statement'),
      deferredConstraints: onlyPostgres('a constraint that is checked at COMMIT'),
      statementTriggers: onlyPostgres('a trigger per statement'),
      lockKey: onlyPostgres('an advisory lock that ends with the transaction'),
    },
    schemas,
    seesEarlyCommit: { missing: 'Prisma shows neither what the server answers nor what was sent' },
    raw: async (handle, sql) => await (handle as TestTx).$executeRawUnsafe(sql),
    query: async (sql) => (await oracle.query(sql))[0] as Record<string, unknown>[],
    open: async ({ schema, options }) => appOf(target, clients.open(url, schema, {}, adapter), options),
  }
}
