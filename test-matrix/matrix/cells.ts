import type { PostgresMajor } from '../services/server.js'

/** One run of the test suite (or of a part of it) with one combination of versions. */
export interface Cell {
  readonly name: string
  /** `current`: the Node that runs the matrix. */
  readonly node: 'current' | 20 | 22 | 24 | 26
  readonly postgres: PostgresMajor
  /** Arguments of `vitest run`. */
  readonly select: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly minutes: number
}

const suites = ['--project', 'servers', '--project', 'servers-*']
// The suites of the ORMs hold their oldest and newest versions themselves, so each cell is a column of the grid.
const emitAndRead = [...suites, 'packages/', 'test-matrix/conformance/knex']

// One emit() call of that many events; `npm test` takes fewer.
const large = { OUTBOXKIT_CONFORMANCE_EVENTS: '100000' }

export const cells: readonly Cell[] = [
  ...([14, 15, 16, 17, 18] as const).map((postgres): Cell => ({
    name: `postgres-${postgres}`,
    node: 'current',
    postgres,
    select: emitAndRead,
    env: large,
    minutes: 20,
  })),
  ...([20, 22, 24, 26] as const).map((node): Cell => ({
    name: `node-${node}`,
    node,
    postgres: 18,
    select: ['--project', 'unit', ...emitAndRead],
    env: large,
    minutes: 20,
  })),
  {
    name: 'order-100000',
    node: 'current',
    postgres: 18,
    select: ['--project', 'faults', 'test-matrix/faults/'],
    env: { OUTBOXKIT_ORDER_EVENTS: '100000' },
    minutes: 40,
  },
]

/** The slice of the grid that `npm test` runs: the oldest PostgreSQL and the newest Node. */
export const slice: readonly Cell[] = [
  {
    name: 'the oldest PostgreSQL',
    node: 'current',
    postgres: 14,
    select: ['--project', 'servers', 'packages/relay/test-servers', 'test-matrix/conformance/knex'],
    minutes: 5,
  },
  {
    name: 'the newest Node',
    node: 26,
    postgres: 18,
    select: ['--project', 'servers', 'packages/knex/test-servers', 'packages/kafka/test-servers/quiet'],
    minutes: 5,
  },
]
