// Prisma's schema engine cannot be run for MySQL and MariaDB here, so nothing below says what it would make of these tables:
// the SQL is applied as it would apply it, and compared through the catalogue.
import { describe, expect, test } from 'vitest'
import { resolveSchema, type SchemaOptions } from '@outboxkit/core'
import { prismaGenerator } from '../../packages/cli/src/migrations/prisma/generator.js'
import { everything, freshPlace, rowsOf, writeRows } from './databases.js'
import { prisma, type PrismaVersion } from './prisma-cli.js'
import { applyMigrations, prismaProject, runClient } from './prisma-project.js'
import { drift, generate, type Project } from './project.js'

interface Story {
  readonly server: 'MySQL' | 'MariaDB'
  readonly version: PrismaVersion
  readonly generator: 'prisma-client' | 'prisma-client-js'
  readonly options: SchemaOptions
}

const stories: Story[] = (['MySQL', 'MariaDB'] as const).map((server) => ({
  server,
  version: 'newest',
  generator: 'prisma-client',
  options: {},
}))

/** A cell of `npm run matrix`. */
if (process.env['OUTBOXKIT_MIGRATIONS'] === 'all')
  for (const server of ['MySQL', 'MariaDB'] as const)
    stories.push(
      { server, version: 'oldest', generator: 'prisma-client-js', options: { uniqueId: true } },
      {
        server,
        version: 'newest',
        generator: 'prisma-client-js',
        options: { idType: 'text', uniqueId: true },
      },
    )

describe.each(stories)('Prisma $version, $generator, $server, $options', (story) => {
  const { server, version, options } = story

  test(
    'the SQL makes our tables, the client reads them, an upgrade keeps the rows',
    { timeout: 120_000 },
    async () => {
      await using place = await freshPlace(server)
      using project = prismaProject({ ...story, provider: 'mysql' })
      const run = runner(version, project, place.url)

      generate(prismaGenerator, project, 'mysql', options)
      expect(await applyMigrations(project, place.url)).toEqual([
        '20260101000000_init',
        expect.stringMatching(/^\d{14}_outbox$/),
      ])
      expect(await drift('mysql', place.url, resolveSchema('mysql', options))).toEqual([])
      expect(generate(prismaGenerator, project, 'mysql', options).files).toEqual([])
      await writeRows(place)
      const before = await rowsOf(place)

      const wanted = { ...options, with: everything }
      generate(prismaGenerator, project, 'mysql', wanted)
      const schema = project.read('prisma/schema.prisma')
      await run('format')
      expect(project.read('prisma/schema.prisma')).toBe(schema)
      expect(await applyMigrations(project, place.url)).toEqual([
        expect.stringMatching(/_outbox_archive_inbox_deliver_at$/),
      ])
      expect(await applyMigrations(project, place.url)).toEqual([])
      expect(await rowsOf(place)).toEqual(before)
      expect(await drift('mysql', place.url, resolveSchema('mysql', wanted))).toEqual([])
      expect(generate(prismaGenerator, project, 'mysql', wanted).files).toEqual([])

      await run('generate')
      expect(await runClient(project, place, { provider: 'mysql', generator: story.generator })).toEqual({
        row: expect.objectContaining({ aggregateid: 'B', payload: '{"text":"žluťoučký"}', deliverAt: null }),
        position: 'bigint',
        isNow: true,
        models: ['order', 'outboxEvent'],
      })
    },
  )
})

test('what needs the engine fails on MySQL, and never pretends', { timeout: 60_000 }, async () => {
  await using place = await freshPlace('MySQL')
  using project = prismaProject({ provider: 'mysql' })
  const { code, output } = await prisma(
    'newest',
    { folder: project.folder, url: place.url },
    'migrate',
    'deploy',
  )
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(/PostgreSQL only/) })
})

function runner(version: PrismaVersion, project: Project, url: string) {
  return async (...args: string[]): Promise<string> => {
    const { code, output } = await prisma(version, { folder: project.folder, url }, ...args)
    if (code !== 0) throw new Error(`prisma ${args.join(' ')} ended with ${code}:\n${output}`)
    return output
  }
}
