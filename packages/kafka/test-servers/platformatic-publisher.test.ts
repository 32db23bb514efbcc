import { publisherSuite } from '@outboxkit/testing/conformance'
import { platformatic } from '../src/platformatic/index.js'
import { platformaticSkip, runsPlatformatic } from './support/platformatic.js'
import { openStage } from './support/stage.js'
import { suiteWhere } from './support/suite-where.js'

suiteWhere(runsPlatformatic, platformaticSkip, () =>
  publisherSuite({
    name: 'kafka (platformatic)',
    open: () => openStage((brokers) => platformatic({ brokers })),
  }),
)
