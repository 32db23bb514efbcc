import { publisherSuite } from '@outboxkit/testing/conformance'
import { kafkajs } from '../src/kafkajs/index.js'
import { openStage } from './support/stage.js'

publisherSuite({
  name: 'kafka (kafkajs)',
  open: () => openStage((brokers) => kafkajs({ brokers })),
})
