import { inject } from 'vitest'
import { createTopic, freshDatabase, freshSchema, uniqueTopic } from '../services/test-context.js'
import { Scenario, type ScenarioOptions } from './scenario.js'

export type DatabaseName = 'postgres' | 'mysql' | 'mariadb'

type StageOptions = Partial<ScenarioOptions> &
  Pick<ScenarioOptions, 'seed'> & {
    /** Default PostgreSQL. */
    readonly on?: DatabaseName
  }

/** A scenario of its own on the servers of the run: fresh tables, fresh topic, taken down at the end. */
export async function openStage({
  on = 'postgres',
  ...options
}: StageOptions): Promise<Scenario & AsyncDisposable> {
  const brokers = options.brokers ?? inject('kafkaBrokers').split(',')
  const fresh = await freshPlace(on)
  const topic = await createTopic(brokers.join(','), uniqueTopic('faults'), { partitions: 6 })
  const { databaseUrl, schema } = fresh
  const scenario = await Scenario.create({ databaseUrl, schema, brokers, topic, ...options })
  return Object.assign(scenario, {
    [Symbol.asyncDispose]: async () => {
      await scenario.close()
      await fresh.drop()
    },
  })
}

async function freshPlace(
  on: DatabaseName,
): Promise<Pick<ScenarioOptions, 'databaseUrl' | 'schema'> & { drop(): Promise<void> }> {
  if (on === 'postgres') {
    const databaseUrl = inject('postgresUrl')
    const fresh = await freshSchema(databaseUrl, 'faults')
    return { databaseUrl, schema: fresh.schema, drop: () => fresh.drop() }
  }
  const fresh = await freshDatabase(inject(`${on}Url`), 'faults')
  return { databaseUrl: fresh.url, schema: fresh.database, drop: () => fresh.drop() }
}

/** A run's seed: given by the environment to repeat one, else the test's own. */
export const seedOr = (seed: number): number => Number(process.env['OUTBOXKIT_SEED'] ?? seed)

/** `npm run matrix` asks for the long form. */
export const orderEvents = Number(process.env['OUTBOXKIT_ORDER_EVENTS'] ?? 15_000)
export const isLong = orderEvents >= 50_000
