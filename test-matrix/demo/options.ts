import { parseArgs } from 'node:util'
import { databaseNames, type DatabaseName } from './databases.js'

export interface DemoOptions {
  readonly help: boolean
  readonly json: boolean
  readonly keep: boolean
  readonly brokenCursor: boolean
  readonly database: DatabaseName
  /** `undefined`: KAFKA_BROKERS, else Docker, else Java, else memory. */
  readonly kafka: string | undefined
  readonly watch: string | undefined
  readonly seed: number
}

export const usage = `usage: npm run demo -- [options]

  --broken-cursor          run the relay with the reader that most hand-written relays have; loses events, exits 1
  --kafka java|docker|memory|HOST:PORT   which Kafka (default: KAFKA_BROKERS, else Docker, else Java, else memory)
  --database postgres|mysql|mariadb      which database (default: postgres)
  --json                   print the result as JSON, as the last line
  --keep                   leave everything running afterwards, until Ctrl-C
  --watch HOST:PORT[/TOPIC]  only print what arrives on the topic of a demo that was kept running
  --seed N                 repeat a run's traffic`

/** A wrong flag, or a wrong value of one: exit code 2. */
export class UsageError extends Error {}

/** Throws {@link UsageError}. */
export function readOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      'broken-cursor': { type: 'boolean', default: false },
      database: { type: 'string', default: 'postgres' },
      kafka: { type: 'string' },
      watch: { type: 'string' },
      seed: { type: 'string', default: '7' },
    },
  })
  const database = databaseNames.find((name) => name === values.database)
  if (database === undefined)
    throw new UsageError(`--database ${values.database}: ${databaseNames.join(', ')}.`)
  const kafka = values.kafka
  if (kafka !== undefined && !['java', 'docker', 'memory'].includes(kafka) && !/:\d+$/.test(kafka))
    throw new UsageError(`--kafka ${kafka}: java, docker, memory or HOST:PORT.`)
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed)) throw new UsageError(`--seed ${values.seed}: a whole number.`)
  return {
    help: values.help,
    json: values.json,
    keep: values.keep,
    brokenCursor: values['broken-cursor'],
    database,
    kafka,
    watch: values.watch,
    seed,
  }
}
