import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const newest = join(here, '../..')
const oldest = join(here, '../../../../test-matrix/orms/prisma-oldest')

/** A generated client: which Prisma, which generator, from where its packages resolve. */
export interface Target {
  readonly name: string
  /** The folder from which `prisma` and `@prisma/*` resolve; the client is generated below it. */
  readonly home: string
  readonly generator: 'prisma-client' | 'prisma-client-js'
  readonly provider: 'postgresql' | 'mysql'
  /** What the generator block has besides provider and output. */
  readonly settings: readonly string[]
  /** Transactions can be nested. */
  readonly savepoints: boolean
  /** Where the client is, relative to `home`. */
  readonly output: string
}

const rustFree = ['engineType = "client"']

export const targets = {
  'prisma 7, prisma-client': {
    name: 'prisma 7, prisma-client',
    home: newest,
    savepoints: true,
    generator: 'prisma-client',
    provider: 'postgresql',
    settings: [],
    // Beside the example of the README, which imports it by this path.
    output: 'test-types/generated/prisma',
  },
  'prisma 7, prisma-client-js': {
    name: 'prisma 7, prisma-client-js',
    home: newest,
    savepoints: true,
    generator: 'prisma-client-js',
    provider: 'postgresql',
    settings: [],
    output: 'generated/client-js',
  },
  'prisma 6.16, prisma-client': {
    name: 'prisma 6.16, prisma-client',
    home: oldest,
    savepoints: false,
    generator: 'prisma-client',
    provider: 'postgresql',
    settings: rustFree,
    output: 'generated/client',
  },
  'prisma 6.16, prisma-client-js': {
    name: 'prisma 6.16, prisma-client-js',
    home: oldest,
    savepoints: false,
    generator: 'prisma-client-js',
    provider: 'postgresql',
    settings: rustFree,
    output: 'generated/client-js',
  },
  'prisma 7, prisma-client, mysql': {
    name: 'prisma 7, prisma-client',
    home: newest,
    savepoints: true,
    generator: 'prisma-client',
    provider: 'mysql',
    settings: [],
    // Beside the example for MySQL, as above.
    output: 'test-types/mysql/generated/prisma',
  },
  'prisma 7, prisma-client-js, mysql': {
    name: 'prisma 7, prisma-client-js',
    home: newest,
    savepoints: true,
    generator: 'prisma-client-js',
    provider: 'mysql',
    settings: [],
    output: 'generated/client-js-mysql',
  },
  'prisma 6.16, prisma-client, mysql': {
    name: 'prisma 6.16, prisma-client',
    home: oldest,
    savepoints: false,
    generator: 'prisma-client',
    provider: 'mysql',
    settings: rustFree,
    output: 'generated/client-mysql',
  },
  'prisma 6.16, prisma-client-js, mysql': {
    name: 'prisma 6.16, prisma-client-js',
    home: oldest,
    savepoints: false,
    generator: 'prisma-client-js',
    provider: 'mysql',
    settings: rustFree,
    output: 'generated/client-js-mysql',
  },
  // Types only: its engine is a native library. Its declarations come from another file of the runtime.
  'prisma 6.16, library engine': {
    name: 'prisma 6.16, library engine',
    home: oldest,
    savepoints: false,
    generator: 'prisma-client',
    provider: 'postgresql',
    settings: [],
    output: 'generated/client-library',
  },
  'prisma 7, 100 models': {
    name: 'prisma 7, 100 models',
    home: newest,
    savepoints: true,
    generator: 'prisma-client',
    provider: 'postgresql',
    settings: [],
    output: 'generated/client-100-models',
  },
} as const satisfies Record<string, Target>

/** Resolves packages as the generated client does. */
export function requireOf(target: Target): NodeJS.Require {
  return createRequire(join(target.home, 'package.json'))
}

/** The servers of the run that speak MySQL, and what `inject` calls their addresses. */
export const mysqlServers = [
  { name: 'MySQL', key: 'mysqlUrl' },
  { name: 'MariaDB', key: 'mariadbUrl' },
] as const
