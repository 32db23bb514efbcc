import { parseArgs } from 'node:util'

export const benchNames = [
  'emit',
  'types',
  'drain',
  'latency',
  'memory',
  'idle',
  'flood',
  'backlog',
  'start',
] as const
export type BenchName = (typeof benchNames)[number]
export const databaseNames = ['postgres', 'mysql', 'mariadb'] as const
export type DatabaseName = (typeof databaseNames)[number]
export const ormNames = ['prisma', 'drizzle', 'knex'] as const
export type OrmName = (typeof ormNames)[number]
export const driverNames = ['kafkajs', 'platformatic', 'confluent'] as const
export type DriverName = (typeof driverNames)[number]

export interface BenchOptions {
  readonly help: boolean
  readonly benches: readonly BenchName[]
  readonly databases: readonly DatabaseName[]
  readonly orms: readonly OrmName[]
  readonly drivers: readonly DriverName[]
  readonly runs: number
  readonly quick: boolean
  readonly format: 'table' | 'json' | 'markdown'
  /** A folder for CPU profiles of the relay and of the bench itself. */
  readonly profile: string | undefined
  readonly seed: number
}

export const usage = `usage: npm run bench -- [options]

  --only ${benchNames.join(',')}
  --database ${databaseNames.join(',')}   default: postgres
  --orm ${ormNames.join(',')}            default: all; for emit and types
  --driver ${driverNames.join(',')}  default: kafkajs
  --runs N         how often everything is measured, alternating with its ceiling (default 3)
  --quick          a tenth of the size, one run: to see that it works, never to quote
  --json           one object per line
  --markdown       the tables for docs/benchmarks.md, written into that page
  --profile FOLDER CPU profiles of the relay processes (.cpuprofile), and where their time went
  --seed N         of the events' keys and the writers' choices (default 7)

OUTBOXKIT_POSTGRES_URL, KAFKA_BROKERS …: a server of your own to use instead of one started here.`

/** A wrong flag, or a wrong value of one: exit code 2. */
export class UsageError extends Error {}

/** Throws {@link UsageError}. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args)
  if (values.json && values.markdown) throw new UsageError('--json or --markdown, not both.')
  return {
    help: values.help,
    benches: list('only', values.only, benchNames) ?? benchNames,
    databases: list('database', values.database, databaseNames) ?? ['postgres'],
    orms: list('orm', values.orm, ormNames) ?? ormNames,
    drivers: list('driver', values.driver, driverNames) ?? ['kafkajs'],
    runs: wholeNumber('runs', values.runs ?? (values.quick ? '1' : '3'), 1),
    quick: values.quick,
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'table',
    profile: values.profile,
    seed: wholeNumber('seed', values.seed, 0),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        only: { type: 'string' },
        database: { type: 'string' },
        orm: { type: 'string' },
        driver: { type: 'string' },
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        profile: { type: 'string' },
        seed: { type: 'string', default: '7' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function list<T extends string>(
  flag: string,
  given: string | undefined,
  known: readonly T[],
): readonly T[] | undefined {
  if (given === undefined) return undefined
  const words = given.split(',')
  const wrong = words.filter((word) => !known.some((name) => name === word))
  if (wrong.length > 0)
    throw new UsageError(`--${flag} ${wrong.join(',')}: must be some of ${known.join(',')}.`)
  return known.filter((name) => words.includes(name))
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${flag} ${text}: a whole number, ${least} or more.`)
}
