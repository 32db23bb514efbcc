import { mariadbVersions, mysqlVersions } from '../services/mysql.js'
import type { MariadbVersion, MysqlVersion, PostgresMajor } from '../services/server.js'

/** One run of the test suite (or of a part of it) with one combination of versions. */
export interface Cell {
  readonly name: string
  /** `current`: the Node that runs the matrix. */
  readonly node: 'current' | 20 | 22 | 24 | 26
  /** What the cell is about; the others are the newest. */
  readonly postgres?: PostgresMajor
  readonly mysql?: MysqlVersion
  readonly mariadb?: MariadbVersion
  /** Arguments of `vitest run`. */
  readonly select: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly minutes: number
}

const suites = ['--project', 'servers', '--project', 'servers-*']
// The suites of the ORMs hold their oldest and newest versions themselves, so each cell is a column of the grid.
const emitAndRead = [...suites, 'packages/', 'test-matrix/conformance/knex']

// Emitting, reading, and the short fault tests.
const onMysql = (name: 'mysql' | 'mariadb'): string[] => [
  ...suites,
  '--project',
  'faults',
  ...['knex', 'drizzle', 'prisma'].map((orm) => `packages/${orm}/test-servers`),
  ...['packages/relay/test-servers', 'test-matrix/conformance/services', 'test-matrix/faults'].map(
    (folder) => `${folder}/${name}`,
  ),
  'test-matrix/conformance/knex',
  ...['compare-schema', 'sql-migrate', 'knex-migration', 'roles'].map(
    (file) => `packages/cli/test-servers/${file}`,
  ),
]

// One emit() call of that many events; `npm test` takes fewer.
const large = { OUTBOXKIT_CONFORMANCE_EVENTS: '100000' }

const faults = ['--project', 'faults']
const long = { OUTBOXKIT_ORDER_EVENTS: '100000' }

export const cells: readonly Cell[] = [
  ...([14, 15, 16, 17, 18] as const).map((postgres): Cell => ({
    name: `postgres-${postgres}`,
    node: 'current',
    postgres,
    select: emitAndRead,
    env: large,
    minutes: 20,
  })),
  // The newest of each is what `npm test` runs.
  ...mysqlVersions.slice(1).map((mysql): Cell => ({
    name: `mysql-${mysql}`,
    node: 'current',
    mysql,
    select: onMysql('mysql'),
    env: large,
    minutes: 20,
  })),
  ...mariadbVersions.slice(1).map((mariadb): Cell => ({
    name: `mariadb-${mariadb}`,
    node: 'current',
    mariadb,
    select: onMysql('mariadb'),
    env: large,
    minutes: 20,
  })),
  ...([20, 22, 24, 26] as const).map((node): Cell => ({
    name: `node-${node}`,
    node,
    select: ['--project', 'unit', ...emitAndRead],
    env: large,
    minutes: 20,
  })),
  // Every option of the tables, and the oldest Prisma; `npm test` takes the base schema.
  {
    name: 'migrations',
    node: 'current',
    select: ['--project', 'servers', 'test-matrix/migrations'],
    env: { OUTBOXKIT_MIGRATIONS: 'all' },
    minutes: 20,
  },
  // Builds the native part of @confluentinc/kafka-javascript first, which takes two minutes.
  {
    name: 'confluent',
    node: 'current',
    select: [
      '--project',
      'servers',
      '--project',
      'faults',
      'packages/kafka/test-servers/confluent',
      'packages/kafka/test-servers/driver',
      'packages/kafka/test-servers/cluster',
      'test-matrix/faults/order-drivers',
    ],
    env: { OUTBOXKIT_CONFLUENT: 'build' },
    minutes: 30,
  },
  // Every ORM on every database; `npm test` takes one.
  {
    name: 'newcomer',
    node: 'current',
    select: ['--project', 'repository', 'test-matrix/newcomer'],
    env: { OUTBOXKIT_NEWCOMER: 'all' },
    minutes: 30,
  },
  {
    name: 'order-100000',
    node: 'current',
    select: [...faults, 'test-matrix/faults/', '--exclude', '**/{mysql,mariadb}.test.ts'],
    env: long,
    minutes: 40,
  },
  ...(['mysql', 'mariadb'] as const).map((name): Cell => ({
    name: `order-100000-${name}`,
    node: 'current',
    select: [...faults, `test-matrix/faults/${name}.test.ts`],
    env: long,
    minutes: 40,
  })),
]

/** The slice of the grid that `npm test` runs: the oldest PostgreSQL and the newest Node. */
export const slice: readonly Cell[] = [
  {
    name: 'the oldest PostgreSQL',
    node: 'current',
    postgres: 14,
    select: [
      '--project',
      'servers',
      'test-matrix/conformance/knex',
      'packages/relay/test-servers/postgres',
      'packages/relay/test-servers/relay',
    ],
    minutes: 5,
  },
  {
    name: 'the newest Node',
    node: 26,
    select: ['--project', 'servers', 'packages/knex/test-servers', 'packages/kafka/test-servers/quiet'],
    minutes: 5,
  },
]
