import { confluentModule, builtConfluentModule } from '../../../../test-matrix/services/confluent.js'
import type { ConfluentOptions } from '../../src/confluent/config.js'
import { createDriver } from '../../src/confluent/create.js'
import { fromModule } from '../../src/confluent/native.js'
import type { KafkaDriver } from '../../src/index.js'

const wanted = process.env['OUTBOXKIT_CONFLUENT'] === 'build'

/** Built when it is asked for, else used if it has been built before: that takes two minutes. */
const address = wanted ? await confluentModule() : builtConfluentModule()

export const runsConfluent = address !== undefined

/** The title of the one test that stands for a file here. */
export const confluentSkip =
  'the native part of @confluentinc/kafka-javascript is not built: npm run matrix -- confluent does it'

/** `confluent(options)`, on the package in the cache of the tests. */
export function confluent(options: ConfluentOptions): KafkaDriver {
  return createDriver(options, async () => fromModule(await import(address ?? '')))
}
