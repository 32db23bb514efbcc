import { describe, expect, it, vi } from 'vitest'
import type { Evaluate } from '../../src/project/candidate.js'
import {
  databaseByUrlOrDriver,
  detectProject,
  packageStyle,
  type DetectOptions,
} from '../../src/project/detect.js'
import { memoryFiles } from './memory-files.js'

const dependencies = (...names: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])) })

const detect = (tree: Record<string, string>, cwd = '/p', options: Partial<DetectOptions> = {}) =>
  detectProject({ files: memoryFiles(tree), cwd, environment: {}, ...options })

const first = async (...parameters: Parameters<typeof detect>) => (await detect(...parameters)).candidates[0]

describe('the package manager', () => {
  it.each([
    ['npm', {}],
    ['npm', { '/p/package-lock.json': '' }],
    ['pnpm', { '/p/pnpm-lock.yaml': '' }],
    ['yarn', { '/p/yarn.lock': '' }],
    ['bun', { '/p/bun.lock': '' }],
    ['bun', { '/p/bun.lockb': '' }],
    ['pnpm', { '/pnpm-lock.yaml': '' }],
    // What is named goes before a lock file that was left over.
    ['yarn', { '/p/package.json': '{"packageManager":"yarn@4.1.0"}', '/p/package-lock.json': '' }],
    ['npm', { '/p/package.json': 'not JSON' }],
  ])('is %s', async (manager, tree) => {
    expect((await detect({ '/p/package.json': '{}', ...tree })).packageManager).toBe(manager)
  })
})

describe('Prisma', () => {
  const datasource = (more = '') => `datasource db {\n  provider = "postgresql"\n${more}}\n`

  it.each([
    ['prisma/schema.prisma', {}, []],
    ['schema.prisma', {}, []],
    ['prisma/schema', { '/p/prisma/schema/main.prisma': datasource() }, ['--schema', 'prisma/schema']],
    ['db/x.prisma', { '/p/package.json': '{"prisma":{"schema":"./db/x.prisma"}}' }, []],
    ['db/x.prisma', { '/p/prisma.config.ts': "export default { schema: 'db/x.prisma' }" }, []],
    ['db/x.prisma', { '/p/.config/prisma.mjs': "export default { schema: '../db/x.prisma' }" }, []],
  ])('has its schema at %s', async (schema, tree, commandFlags) => {
    const files = schema.endsWith('.prisma') ? { [`/p/${schema}`]: datasource() } : {}
    expect(await first({ '/p/package.json': '{}', ...files, ...tree })).toMatchObject({
      orm: 'prisma',
      evidence: 'file',
      schema: `/p/${schema}`,
      database: 'postgres',
      commandFlags,
    })
  })

  it('keeps migrations beside the datasource, or where prisma.config says', async () => {
    const tree = {
      '/p/prisma/models/a.prisma': 'model A {\n  id Int @id\n}\n',
      '/p/prisma/base/main.prisma': datasource('  url = env("PG")\n'),
      '/p/package.json': '{"prisma":{"schema":"prisma"}}',
    }
    expect(await first(tree)).toMatchObject({ out: '/p/prisma/base/migrations', urlVariable: 'PG' })
    const config = "export default { schema: 'prisma', migrations: { path: 'm' } }"
    expect(await first({ ...tree, '/p/prisma.config.ts': config })).toMatchObject({ out: '/p/m' })
  })

  it('is not misled by what is only a comment', async () => {
    const text = `// datasource x {\n//   provider = "sqlite"\n// }\n${datasource('  // url = env("OLD")\n')}`
    expect(await first({ '/p/schema.prisma': text })).toMatchObject({
      database: 'postgres',
      urlVariable: undefined,
    })
  })

  it.each([
    ['["public", "shop"]', 'public'],
    ['["shop"]', 'shop'],
  ])('with schemas %s puts the tables into %s', async (schemas, expected) => {
    const text = datasource(`  schemas = ${schemas}\n`)
    expect(await first({ '/p/schema.prisma': text })).toMatchObject({ tableSchema: expected })
  })

  it.each(['sqlite', 'mongodb', 'sqlserver', 'cockroachdb'])('with %s is not supported', async (provider) => {
    const text = datasource().replace('postgresql', provider)
    expect(await first({ '/p/schema.prisma': text })).toMatchObject({ unsupported: provider })
  })
})

describe('Drizzle', () => {
  const config = (schema: string, more = '') =>
    `export default defineConfig({ dialect: 'postgresql', schema: ${schema}${more} })`

  it.each([
    ["'./src/schema.ts'", 'src/schema.ts'],
    ["'./src/db/*.ts'", 'src/db/outbox.ts'],
    ["'./src/db'", 'src/db/outbox.ts'],
    ["['./src/auth.ts', './src/db/**/*.sql.ts']", 'src/db/outbox.sql.ts'],
    ["'./src/**/*.schema.{ts,js}'", 'src/outbox.schema.ts'],
    ["'./src/**/schema.ts'", 'src/outbox/schema.ts'],
    ["['./src/a.ts', './src/outbox.ts']", 'src/outbox.ts'],
  ])('with the schema %s takes the tables in %s', async (schema, expected) => {
    const tree = { '/p/drizzle.config.ts': config(schema), '/p/src/db/orders.ts': '' }
    expect(await first(tree)).toMatchObject({ orm: 'drizzle', schema: `/p/${expected}`, out: '/p/drizzle' })
  })

  it('has its tables in a schema when all of them are, or when it looks at no other', async () => {
    const tables = "export const shop = pgSchema('shop')\n// pgTable(\n"
    const tree = { '/p/drizzle.config.ts': config("'./s.ts'"), '/p/s.ts': tables }
    expect(await first(tree)).toMatchObject({ tableSchema: 'shop' })
    expect(await first({ ...tree, '/p/s.ts': `${tables}pgTable('a')` })).toMatchObject({
      tableSchema: undefined,
    })
    const filtered = config("'./s.ts'", ", schemaFilter: ['billing']")
    expect(await first({ ...tree, '/p/drizzle.config.ts': filtered })).toMatchObject({
      tableSchema: 'billing',
    })
  })
})

describe('Knex', () => {
  it('writes into the last directory, from the folder of its file', async () => {
    const tree = {
      '/p/knexfile.cjs': "module.exports = { client: 'mysql2', migrations: { directory: ['a', './b'] } }",
    }
    expect(await first(tree)).toMatchObject({ orm: 'knex', out: '/p/b', database: 'mysql', extension: 'cjs' })
  })

  it('takes the environment that Knex takes', async () => {
    const knexfile = `module.exports = {
      development: { client: 'pg', connection: process.env.DEV_URL, migrations: { directory: 'dev' } },
      test: { client: 'pg', migrations: { directory: 'test' } },
    }`
    const tree = { '/p/knexfile.js': knexfile }
    expect(await first(tree)).toMatchObject({
      out: '/p/dev',
      urlVariable: 'DEV_URL',
      commandFlags: [],
      notes: [],
    })
    const inTest = { environment: { NODE_ENV: 'test' } }
    expect(await first(tree, '/p', inTest)).toMatchObject({ out: '/p/test', commandFlags: [], notes: [] })
    const elsewhere = { environment: { NODE_ENV: 'ci' } }
    expect(await first(tree, '/p', elsewhere)).toMatchObject({
      out: '/p/dev',
      commandFlags: ['--env', 'development'],
      notes: [expect.stringContaining('ci is not in the knexfile')],
    })
  })
})

describe('executing a configuration', () => {
  it('happens only when its text leaves open what is needed', async () => {
    const evaluate = vi.fn<Evaluate>(() => Promise.resolve({ client: 'pg', migrations: { directory: 'm' } }))
    const known = "module.exports = { client: 'pg', connection: compute() }"
    await detect({ '/p/knexfile.js': known }, '/p', { evaluate })
    expect(evaluate).not.toHaveBeenCalled()
    const open = 'module.exports = { ...base, connection: process.env.PG }'
    expect(await first({ '/p/knexfile.js': open }, '/p', { evaluate })).toMatchObject({
      database: 'postgres',
      out: '/p/m',
      notes: [],
    })
    expect(evaluate).toHaveBeenCalledExactlyOnceWith('/p/knexfile.js')
  })

  it('may fail: what is literal is known all the same, and it is said', async () => {
    const tree = { '/p/drizzle.config.ts': "export default { dialect: 'mysql', schema: pick(), out: 'sql' }" }
    expect(await first(tree, '/p', { evaluate: () => Promise.resolve(undefined) })).toMatchObject({
      database: 'mysql',
      out: '/p/sql',
      schema: undefined,
      notes: [expect.stringContaining('drizzle.config.ts could not be executed')],
    })
  })
})

describe('a repository of several packages', () => {
  const knexfile = "module.exports = { client: 'pg' }"
  const tree = {
    '/p/package.json': '{"workspaces":{"packages":["./libs/*","apps/**","!apps/old"]}}',
    '/p/libs/db/package.json': '{"name":"db"}',
    '/p/libs/db/knexfile.js': knexfile,
    '/p/apps/a/b/package.json': '{}',
    '/p/apps/old/package.json': '{}',
    '/p/apps/old/knexfile.js': knexfile,
    '/p/examples/x/package.json': '{}',
    '/p/examples/x/knexfile.js': knexfile,
    '/p/node_modules/y/knexfile.js': knexfile,
  }

  it.each(['/p', '/p/libs/db', '/p/libs/db/src', '/p/apps/a/b'])('is looked through from %s', async (cwd) => {
    const { root, candidates } = await detect(tree, cwd)
    expect(root).toBe('/p')
    expect(candidates.map(({ folder }) => folder)).toEqual(['/p/libs/db'])
  })

  it('does not concern a package that is no member', async () => {
    const { root, candidates } = await detect(tree, '/p/examples/x')
    expect([root, candidates[0]?.folder]).toEqual(['/p/examples/x', '/p/examples/x'])
  })

  it('goes by the nearest package first, and by a file before a dependency', async () => {
    const both = { ...tree, '/p/apps/a/b/package.json': dependencies('knex') }
    expect((await first(both, '/p/apps/a/b'))?.folder).toBe('/p/libs/db')
    const own = { ...both, '/p/apps/a/b/knexfile.js': knexfile }
    expect((await first(own, '/p/apps/a/b'))?.folder).toBe('/p/apps/a/b')
  })

  it.each([
    ['packages: [\'libs/*\', "apps/a/*"]\n'],
    ['packages:\r\n  - libs/*\r\n  - apps/a/*\r\ncatalog:\r\n  react: 19\r\n'],
    ["catalog: {}\npackages:\n\n# all\n- 'libs/*' # the libraries\n"],
  ])('is read of pnpm-workspace.yaml: %j', async (yaml) => {
    const pnpm = { ...tree, '/p/package.json': '{}', '/p/pnpm-workspace.yaml': yaml }
    const { candidates, packageManager } = await detect(pnpm)
    expect([candidates[0]?.folder, packageManager]).toEqual(['/p/libs/db', 'pnpm'])
  })
})

describe('the database', () => {
  const byUrl = (env: string, variable = 'DATABASE_URL', environment = {}) => {
    const files = memoryFiles({ '/p/.env': env, '/p/package.json': '{}' })
    return databaseByUrlOrDriver({ files, environment }, { root: '/p' }, packageStyle(files, '/p'), variable)
  }

  it.each([
    ['DATABASE_URL=postgres://u:p@h/d', 'postgres'],
    ['  export DATABASE_URL = "postgresql://h/d"', 'postgres'],
    ["A=b\nDATABASE_URL='mysql://h/d'\n", 'mysql'],
    ['DATABASE_URL=mariadb://h/d\r\n', 'mariadb'],
    ['#DATABASE_URL=mysql://h/d', undefined],
    ['DATABASE_URL=file:./dev.db', undefined],
    ['DATABASE_URL=\nX=mysql://h', undefined],
    ['MY_DATABASE_URL=mysql://h/d', undefined],
  ])('of %j', (env, expected) => {
    expect(byUrl(env)).toBe(expected)
  })

  it('is that of the environment first', () => {
    expect(byUrl('PG=mysql://h/d', 'PG', { PG: 'postgres://h/d' })).toBe('postgres')
  })

  it.each([
    [['pg'], 'postgres'],
    [['postgres'], 'postgres'],
    [['mysql2'], 'mysql'],
    [['mysql2', 'mariadb'], 'mysql'],
    [['mariadb'], 'mariadb'],
    [['pg', 'mysql2'], undefined],
    [['express'], undefined],
  ])('of the drivers %j', (names, expected) => {
    const files = memoryFiles({ '/p/package.json': dependencies(...names) })
    const style = packageStyle(files, '/p')
    expect(databaseByUrlOrDriver({ files, environment: {} }, { root: '/p' }, style, 'DATABASE_URL')).toBe(
      expected,
    )
  })
})
