import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTablesSql } from '@outboxkit/core'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { build, packageFolders, root } from '../../tools/checks.js'
import { runCheck } from '../../tools/run-check.js'

const run = promisify(execFile)
const schema = `packaging_${process.pid}`
const databaseUrl = inject('postgresUrl')

/** A project outside of the workspace that has the packed tarballs installed, and nothing of the checkout. */
let project: string
let database: Client

beforeAll(async () => {
  const [problem] = await Promise.all([runCheck(build), setUpDatabase()])
  if (problem !== undefined) throw new Error(problem)
  project = await consumerProject()
}, 600_000)

afterAll(async () => {
  await database.query(`drop schema if exists ${schema} cascade`)
  await database.end()
  rmSync(project, { recursive: true, force: true })
})

async function setUpDatabase(): Promise<void> {
  database = new Client({ connectionString: databaseUrl })
  await database.connect()
  await database.query(`create schema ${schema}`)
  for (const statement of createTablesSql('postgres', { schema })) await database.query(statement)
}

async function consumerProject(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-consumer-'))
  const tarballs = join(folder, 'tarballs')
  mkdirSync(tarballs)
  const args = [
    'pack',
    '--json',
    '--pack-destination',
    tarballs,
    ...packageFolders.map((name) => `./${name}`),
  ]
  const { stdout } = await run('npm', args, { cwd: root, maxBuffer: 1 << 26 })
  const packed = Object.values(JSON.parse(stdout) as Record<string, { name: string; filename: string }>)
  expect(packed).toHaveLength(packageFolders.length)
  const own = Object.fromEntries(
    packed.map(({ name, filename }) => [
      name,
      `file:tarballs/${filename.replace('@', '').replace('/', '-')}`,
    ]),
  )
  const dependencies = {
    ...own,
    '@types/node': '20.19.43',
    'drizzle-orm': '0.45.4',
    esbuild: '0.28.2',
    kafkajs: '2.2.4',
    knex: '3.3.0',
    pg: '8.23.1',
    typescript: '6.0.3',
  }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module', dependencies }),
  )
  // Peers of adapters that this project does not use, such as Prisma, are not wanted here.
  await run(
    'npm',
    ['install', '--prefer-offline', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: folder, maxBuffer: 1 << 26 },
  )
  cpSync(join(root, 'test-matrix/packaging/consumers'), folder, { recursive: true })
  return folder
}

/** Runs a file of the consumer and returns what it printed. */
async function consume(file: string): Promise<string> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, SCHEMA: schema, NODE_PATH: '' }
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: project, env })
  expect(stderr).toBe('')
  return stdout.trim()
}

async function storedFrom(origin: string): Promise<{ id: string }[]> {
  const { rows } = await database.query<{ id: string }>(
    `select id from ${schema}.outbox where payload ->> 'from' = $1 order by position`,
    [origin],
  )
  return rows
}

describe('the packed tarballs in a project outside of the workspace', () => {
  it('an ES module imports every package and emits', async () => {
    const id = await consume('emit.mjs')
    expect(await storedFrom('esm')).toEqual([{ id }])
  })

  it('a CommonJS module requires every package and emits', async () => {
    const id = await consume('emit.cjs')
    expect(await storedFrom('cjs')).toEqual([{ id }])
  })

  it('both builds in one process work together', async () => {
    await consume('both.mjs')
    expect(await storedFrom('both')).toHaveLength(3)
  })

  it('needs no package of OpenTelemetry, and both builds find what an application registers', async () => {
    // `outboxkit` brings the API along (prom-client wants it); who has only an adapter has none.
    const installed = join(project, 'node_modules/@opentelemetry')
    renameSync(installed, join(project, 'opentelemetry'))
    try {
      expect(await consume('tracing.mjs')).toBe('no trace without it, a trace with it')
    } finally {
      renameSync(join(project, 'opentelemetry'), installed)
    }
  })

  it('an esbuild bundle emits', async () => {
    await consume('bundle.mjs')
    const id = await consume('bundle.cjs')
    expect(await storedFrom('bundle')).toEqual([{ id }])
  })

  it.each(['node16', 'bundler'])('TypeScript compiles with moduleResolution %s', async (moduleResolution) => {
    const problems = await compile(moduleResolution, 'types.ts')
    expect(problems).toBe('')
  })

  it('and reports a wrong event', async () => {
    writeFileSync(
      join(project, 'wrong.ts'),
      `import { withOutbox } from '@outboxkit/knex'\nimport { knex } from 'knex'\nconst db = withOutbox(knex({ client: 'pg' }))\nexport const wrong = db.transaction((trx) => trx.emit({ aggregateType: 'order', type: 'x', payload: 1 }))\n`,
    )
    expect(await compile('node16', 'wrong.ts')).toContain('aggregateId')
  })
})

async function compile(moduleResolution: string, file: string): Promise<string> {
  const module = moduleResolution === 'bundler' ? 'esnext' : 'node16'
  const args = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--target',
    'es2022',
    '--module',
    module,
    '--moduleResolution',
    moduleResolution,
    '--types',
    'node',
  ]
  try {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', ...args, file], { cwd: project })
    return ''
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout)
  }
}
