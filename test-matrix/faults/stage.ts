import { inject } from 'vitest'
import { createTopic, freshSchema, uniqueTopic } from '../services/test-context.js'
import { Scenario, type ScenarioOptions } from './scenario.js'

/** A scenario of its own on the servers of the run: fresh schema, fresh topic, taken down at the end. */
export async function openStage(
  options: Partial<ScenarioOptions> & Pick<ScenarioOptions, 'seed'>,
): Promise<Scenario & AsyncDisposable> {
  const databaseUrl = inject('postgresUrl')
  const brokers = options.brokers ?? inject('kafkaBrokers').split(',')
  const fresh = await freshSchema(databaseUrl, 'faults')
  const topic = await createTopic(brokers.join(','), uniqueTopic('faults'), { partitions: 6 })
  const scenario = await Scenario.create({ databaseUrl, brokers, schema: fresh.schema, topic, ...options })
  return Object.assign(scenario, {
    [Symbol.asyncDispose]: async () => {
      await scenario.close()
      await fresh.drop()
    },
  })
}

/** A run's seed: given by the environment to repeat one, else the test's own. */
export const seedOr = (seed: number): number => Number(process.env['OUTBOXKIT_SEED'] ?? seed)

/** `npm run matrix` asks for the long form. */
export const orderEvents = Number(process.env['OUTBOXKIT_ORDER_EVENTS'] ?? 15_000)
export const isLong = orderEvents >= 50_000
