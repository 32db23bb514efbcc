import { publisherSuite } from '@outboxkit/testing/conformance'
import { confluent, confluentSkip, runsConfluent } from './support/confluent.js'
import { openStage } from './support/stage.js'
import { suiteWhere } from './support/suite-where.js'

suiteWhere(runsConfluent, confluentSkip, () =>
  publisherSuite({
    name: 'kafka (confluent)',
    open: () => openStage((brokers) => confluent({ brokers })),
  }),
)
