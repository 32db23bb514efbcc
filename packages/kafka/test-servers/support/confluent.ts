import { confluentModule } from '../../../../test-matrix/services/confluent.js'
import type { ConfluentOptions } from '../../src/confluent/config.js'
import { createDriver } from '../../src/confluent/create.js'
import { fromModule } from '../../src/confluent/native.js'
import type { KafkaDriver } from '../../src/index.js'

/** Only when it is asked for, whatever is in the cache: building takes two minutes, and the tests take two more. */
const address = process.env['OUTBOXKIT_CONFLUENT'] === 'build' ? await confluentModule() : undefined

export const runsConfluent = address !== undefined

/** The title of the one test that stands for a file here. */
export const confluentSkip =
  '@confluentinc/kafka-javascript needs its native part: npm run matrix -- confluent builds it and runs this'

/** `confluent(options)`, on the package in the cache of the tests. */
export function confluent(options: ConfluentOptions): KafkaDriver {
  return createDriver(options, async () => fromModule(await import(address ?? '')))
}
