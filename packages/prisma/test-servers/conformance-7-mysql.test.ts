import { adapterSuite } from '@outboxkit/testing/conformance'
import { mysqlHarness } from './support/mysql-harness.js'
import { mysqlServers, targets } from './support/targets.js'

for (const server of mysqlServers)
  adapterSuite(await mysqlHarness(targets['prisma 7, prisma-client, mysql'], server))
