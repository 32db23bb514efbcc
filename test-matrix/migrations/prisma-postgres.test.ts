// Prisma's own command with Prisma's own schema engine: see prisma-cli.ts.
import { describe, expect, test } from 'vitest'
import { resolveSchema, type SchemaOptions } from '@outboxkit/core'
import { prismaGenerator } from '../../packages/cli/src/migrations/prisma/generator.js'
import { everything, freshPlace, rowsOf, writeRows, type Place } from './databases.js'
import { prisma, type PrismaVersion } from './prisma-cli.js'
import { prismaProject, runClient, type PrismaProjectOptions } from './prisma-project.js'
import { drift, generate, type Project } from './project.js'

interface Story extends Omit<PrismaProjectOptions, 'provider'> {
  readonly title: string
  readonly version: PrismaVersion
  readonly options: SchemaOptions
}

const stories: Story[] = [{ title: 'the base schema', version: 'newest', options: {} }]

/** The whole grid takes minutes: a cell of `npm run matrix`. */
const isFull = process.env['OUTBOXKIT_MIGRATIONS'] === 'all'
if (isFull)
  stories.push(
    { title: 'the base schema', version: 'oldest', options: {}, generator: 'prisma-client-js' },
    {
      title: 'a name, bytes, text ids, unique',
      version: 'newest',
      generator: 'prisma-client-js',
      options: { name: 'billing_outbox', payload: 'bytes', idType: 'text', uniqueId: true },
    },
    {
      title: 'a schema of its own, in a folder of files',
      version: 'newest',
      schemas: ['public', 'events'],
      isFolder: true,
      options: { schema: 'events' },
    },
    {
      title: 'a schema of its own',
      version: 'oldest',
      schemas: ['public', 'events'],
      options: { schema: 'events' },
    },
    { title: 'a partitioned outbox', version: 'newest', options: { partitioned: ['outbox', 'archive'] } },
  )

describe.each(stories)('Prisma $version, PostgreSQL, $title', (story) => {
  const { version, options } = story
  const prefix = options.schema === undefined ? '' : `${options.schema}.`
  const hasPlainTables = options.name === undefined && options.payload === undefined

  test('is applied, compared and upgraded by Prisma itself', { timeout: 240_000 }, async () => {
    await using place = await freshPlace('PostgreSQL')
    using project = prismaProject({ ...story, provider: 'postgresql' })
    const run = runner(version, project, place)

    generate(prismaGenerator, project, 'postgres', options)
    expect(await run('migrate', 'dev')).toMatch(/have been applied:[^]*_init\/[^]*_outbox\//)
    expect(await run('migrate', 'dev')).toContain('Already in sync')
    expect(await drift('postgres', place.url, resolveSchema('postgres', options))).toEqual([])
    expect(generate(prismaGenerator, project, 'postgres', options).files).toEqual([])

    if (hasPlainTables) await writeRows(place, prefix)
    const rows = async () => (hasPlainTables ? rowsOf(place, prefix) : 'of other columns')
    const before = await rows()
    const wanted = { ...options, with: everything }
    generate(prismaGenerator, project, 'postgres', wanted)
    expect(generate(prismaGenerator, project, 'postgres', wanted).files).toEqual([])
    await expectFormatted(run, project)
    expect(await run('migrate', 'deploy')).toMatch(/have been applied:[^]*_outbox_archive_inbox_deliver_at/)
    expect(await rows()).toEqual(before)
    expect(await drift('postgres', place.url, resolveSchema('postgres', wanted))).toEqual([])

    // Everything that Prisma compares: the migrations, the models, the database.
    const path = story.isFolder === true ? 'prisma/schema' : 'prisma/schema.prisma'
    expect(await run('migrate', 'dev')).toContain('Already in sync')
    expect(await run(...diff(version, path))).toContain('No difference detected')
    const tables = await count(place)
    expect(await run('db', 'push')).toContain('already in sync')
    expect(await count(place)).toBe(tables)

    // From nothing, and everything at once.
    await run('migrate', 'reset', '--force')
    expect(await drift('postgres', place.url, resolveSchema('postgres', wanted))).toEqual([])
    if (!isFull) return
    expect(await run('migrate', 'status')).toContain('Database schema is up to date!')
    expect(await run('migrate', 'deploy')).toContain('No pending migrations to apply.')
  })
})

test('the generated client reads what it writes, and has the events only', { timeout: 120_000 }, async () => {
  await using place = await freshPlace('PostgreSQL')
  using project = prismaProject({ provider: 'postgresql' })
  const run = runner('newest', project, place)
  generate(prismaGenerator, project, 'postgres', { with: ['archive', 'inbox'] })
  await run('migrate', 'deploy')
  await run('generate')
  expect(await runClient(project, place, { provider: 'postgresql', generator: 'prisma-client' })).toEqual({
    row: expect.objectContaining({ aggregateid: 'B', payload: { text: 'žluťoučký' }, headers: null }),
    position: 'bigint',
    isNow: true,
    models: ['order', 'outboxEvent'],
  })
})

test(
  'these tests can fail: a column that the model does not know is a difference',
  { timeout: 120_000 },
  async () => {
    await using place = await freshPlace('PostgreSQL')
    using project = prismaProject({ provider: 'postgresql' })
    const { files } = generate(prismaGenerator, project, 'postgres')
    const path = files.find((file) => file.path.endsWith('migration.sql'))?.path ?? ''
    project.write(path, project.read(path).replace('"headers" json', '"headers" jsonb'))
    const run = runner('newest', project, place)
    await run('migrate', 'deploy')
    const { code, output } = await prisma(
      'newest',
      { folder: project.folder, url: place.url },
      ...diff('newest', 'prisma/schema.prisma'),
    )
    expect({ code, output }).toMatchObject({
      code: 2,
      output: expect.stringMatching(/Altered column `headers`/),
    })
    expect(await drift('postgres', place.url, resolveSchema('postgres'))).not.toEqual([])
  },
)

type Run = (...args: string[]) => Promise<string>

/** What the command says; a failure is an error with all of it. */
function runner(version: PrismaVersion, project: Project, place: Place): Run {
  return async (...args) => {
    const { code, output } = await prisma(version, { folder: project.folder, url: place.url }, ...args)
    if (code !== 0) throw new Error(`prisma ${args.join(' ')} ended with ${code}:\n${output}`)
    return output
  }
}

/** `prisma format` finds nothing to do. */
async function expectFormatted(run: Run, project: Project): Promise<void> {
  const files = project.list('prisma/schema').length > 0 ? 'prisma/schema' : 'prisma'
  const texts = (): string[] =>
    project
      .list(files)
      .filter((name) => name.endsWith('.prisma'))
      .map((name) => project.read(`${files}/${name}`))
  const before = texts()
  await run('format')
  expect(texts()).toEqual(before)
}

const diff = (version: PrismaVersion, schema: string): string[] =>
  version === 'newest'
    ? ['migrate', 'diff', '--from-config-datasource', '--to-schema', schema, '--exit-code']
    : ['migrate', 'diff', '--from-schema-datasource', schema, '--to-schema-datamodel', schema, '--exit-code']

const count = async ({ query }: Place): Promise<unknown> =>
  (await query("select count(*) from pg_class where relkind in ('r', 'p', 'i', 'S')"))[0]?.['count']
