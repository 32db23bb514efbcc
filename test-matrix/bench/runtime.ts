import { builtConfluentModule } from '../services/confluent.js'
import { nodeBinary } from '../services/node.js'
import type { DriverName } from './options.js'
import { confluentVariable } from './producer-confluent.js'

/** What the processes that use a driver run on: the relay and what it is measured against on the same. */
export interface Runtime {
  readonly node: string
  readonly env: Readonly<Record<string, string>>
}

/** Throws when the driver cannot run here. */
export async function runtimeFor(driver: DriverName): Promise<Runtime> {
  if (driver === 'platformatic') {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const isNewEnough = major > 22 || (major === 22 && minor >= 22)
    return { node: isNewEnough ? process.execPath : await nodeBinary(24), env: {} }
  }
  if (driver === 'kafkajs') return { node: process.execPath, env: {} }
  const address = builtConfluentModule()
  if (address === undefined)
    throw new Error(
      '--driver confluent: the native part of @confluentinc/kafka-javascript is not built; npm run matrix -- confluent does it',
    )
  return { node: process.execPath, env: { [confluentVariable]: address } }
}
