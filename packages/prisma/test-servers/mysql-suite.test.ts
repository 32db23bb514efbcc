import { mysqlAdapterSuite } from '@outboxkit/testing/conformance'
import { mysqlHarness } from './support/mysql-harness.js'
import { mysqlServers, targets } from './support/targets.js'

// Prisma 7 sends prepared statements, in which MySQL refuses some that end a transaction: the suite is to send them.
const text = { useTextProtocol: true }

for (const server of mysqlServers) {
  mysqlAdapterSuite(await mysqlHarness(targets['prisma 7, prisma-client, mysql'], server, text))
  mysqlAdapterSuite(await mysqlHarness(targets['prisma 6.16, prisma-client, mysql'], server))
}
