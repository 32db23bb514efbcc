import { driverSuite } from '@outboxkit/testing/conformance'
import { platformatic } from '../src/platformatic/index.js'
import { openCluster } from './support/cluster.js'
import { platformaticSkip, runsPlatformatic } from './support/platformatic.js'
import { suiteWhere } from './support/suite-where.js'

suiteWhere(runsPlatformatic, platformaticSkip, () =>
  driverSuite({
    name: 'platformatic',
    openCluster,
    createDriver: (bootstrap) => platformatic({ brokers: [...bootstrap] }),
  }),
)
