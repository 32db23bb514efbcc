import { driverSuite } from '@outboxkit/testing/conformance'
import { kafkajs } from '../src/kafkajs/index.js'
import { openCluster } from './support/cluster.js'

driverSuite({
  name: 'kafkajs',
  openCluster,
  createDriver: (bootstrap) => kafkajs({ brokers: [...bootstrap] }),
})
