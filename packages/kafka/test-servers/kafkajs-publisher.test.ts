import { publisherSuite } from '@outboxkit/testing/conformance'
import { inject } from 'vitest'
import { kafkajs } from '../src/kafkajs/index.js'
import { stageOn } from './support/stage.js'

publisherSuite({
  name: 'kafka (kafkajs)',
  open: async () => stageOn(inject('kafkaBrokers'), (brokers) => kafkajs({ brokers })),
})
