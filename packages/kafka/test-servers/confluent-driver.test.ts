import { driverSuite } from '@outboxkit/testing/conformance'
import { openCluster } from './support/cluster.js'
import { confluent, confluentSkip, runsConfluent } from './support/confluent.js'
import { suiteWhere } from './support/suite-where.js'

suiteWhere(runsConfluent, confluentSkip, () =>
  driverSuite({
    name: 'confluent',
    openCluster,
    createDriver: (bootstrap) => confluent({ brokers: bootstrap }),
    describesConfig: false,
  }),
)
