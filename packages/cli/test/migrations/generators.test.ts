import { resolveSchema, type Dialect, type SchemaOptions } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'
import {
  generateMigration,
  knexGenerator,
  roleGrants,
  sqlGenerator,
  type MigrationGenerator,
} from '../../src/index.js'
import { rolesText } from '../../src/migrations/roles.js'
import { MemoryProject } from './memory-project.js'

const dialects: readonly Dialect[] = ['postgres', 'mysql']
const generators: readonly MigrationGenerator[] = [knexGenerator, sqlGenerator]
const upgraded = { with: ['inbox', 'archive', 'deliver-at'] } as const satisfies SchemaOptions

/** Generates and writes; gives what was written. */
function generate(project: MemoryProject, generator: MigrationGenerator, options: SchemaOptions = {}) {
  const generated = generateMigration({ project, generator, options })
  project.write(generated)
  return generated.files
}

const fixture = (name: string): string => `../fixtures/migrations/${name}`

describe.each(dialects)('what is written for %s', (dialect) => {
  test.for(['cjs', 'mjs', 'ts'])('by Knex in .%s', async (extension) => {
    const project = new MemoryProject(dialect, { extension })
    const [base] = generate(project, knexGenerator)
    const [upgrade] = generate(project, knexGenerator, upgraded)
    expect([base?.path, upgrade?.path]).toEqual([
      `migrations/20260304050607_outbox.${extension}`,
      `migrations/20260304050608_outbox_archive_inbox_deliver_at.${extension}`,
    ])
    await expect(base?.content).toMatchFileSnapshot(fixture(`knex-${dialect}/outbox.${extension}`))
    await expect(upgrade?.content).toMatchFileSnapshot(fixture(`knex-${dialect}/upgrade.${extension}`))
  })

  test('in plain SQL', async () => {
    const project = new MemoryProject(dialect)
    generate(project, sqlGenerator)
    generate(project, sqlGenerator, upgraded)
    expect([...project.files.keys()]).toEqual([
      'outbox-migrations/0001_outbox.up.sql',
      'outbox-migrations/0001_outbox.down.sql',
      'outbox-migrations/0002_outbox_archive_inbox_deliver_at.up.sql',
      'outbox-migrations/0002_outbox_archive_inbox_deliver_at.down.sql',
    ])
    for (const [path, content] of project.files)
      await expect(content).toMatchFileSnapshot(
        fixture(`sql-${dialect}/${path.replace('outbox-migrations/', '')}`),
      )
  })
})

test.for(['postgres', 'mysql', 'mariadb'] as const)('the rights of the roles on %s', async (flavour) => {
  const dialect = flavour === 'postgres' ? 'postgres' : 'mysql'
  const host = dialect === 'mysql' ? '@%' : ''
  const roles = roleGrants(flavour, resolveSchema(dialect, { ...upgraded, schema: 'shop' }), {
    application: `app${host}`,
    relay: `relay${host}`,
    consumer: `consumer${host}`,
  })
  await expect(rolesText(roles).trimEnd()).toMatchFileSnapshot(fixture(`roles-${flavour}.sql`))
})

describe.each(generators)('generate for $tool', (generator) => {
  test.for(dialects)('writes a step once, and only what is missing (%s)', (dialect) => {
    const project = new MemoryProject(dialect)
    expect(generate(project, generator, { with: ['inbox'] })).not.toEqual([])
    expect(generate(project, generator, { with: ['inbox'] })).toEqual([])
    // What is not asked for again is not taken away.
    expect(generate(project, generator)).toEqual([])
    const files = generate(project, generator, { with: ['archive'], uniqueId: true })
    const text = files.map(({ content }) => content).join('\n')
    expect(text).toMatch(/create table .outbox_archive/)
    expect(text).not.toMatch(/create table .outbox_(lease|held|inbox)/)
    expect(text).toMatch(dialect === 'mysql' ? /add unique key/ : /create unique index/)
    expect(generate(project, generator, { with: ['archive', 'inbox'], uniqueId: true })).toEqual([])
  })

  test('the outbox can follow where there was the inbox alone, and the other way round', () => {
    const project = new MemoryProject('postgres')
    generate(project, generator, { only: 'inbox' })
    const [base] = generate(project, generator)
    expect(base?.content).toContain('create table "outbox_held"')
    expect(base?.content).not.toContain('create table "outbox_inbox"')
    expect(generate(project, generator, { only: 'inbox' })).toEqual([])
    const other = new MemoryProject('postgres')
    generate(other, generator)
    expect(generate(other, generator, { only: 'inbox' })[0]?.content).toContain('create table "outbox_inbox"')
  })

  test('several outboxes do not know of each other, however they are called', () => {
    const project = new MemoryProject('postgres')
    const names: SchemaOptions[] = [{}, { schema: 'tenant' }, { name: 'a } b' }, { name: 'ö\u2028\n*/ x' }]
    for (const options of names) expect(generate(project, generator, options)).not.toEqual([])
    for (const options of names) expect(generate(project, generator, options)).toEqual([])
  })

  test('what rows would not survive is refused, and nothing is written', () => {
    const project = new MemoryProject('mysql')
    generate(project, generator)
    for (const options of [{ payload: 'bytes' }, { idType: 'text' }] as const)
      expect(() => generate(project, generator, options)).toThrowError(
        expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID' }),
      )
  })

  test('partitions stay as they are; a new archive is partitioned, if nothing else is said', () => {
    const project = new MemoryProject('postgres')
    generate(project, generator, { partitioned: ['outbox'] })
    const [archive] = generate(project, generator, { with: ['archive'] })
    expect(archive?.content).toContain('partition by range ("published_at")')
    expect(generate(project, generator, { with: ['archive'] })).toEqual([])
    expect(() => generate(project, generator, { partitioned: ['archive'] })).toThrowError(/partitioned/)
    const plain = new MemoryProject('postgres')
    generate(plain, generator, { with: ['archive'], partitioned: [] })
    expect(generate(plain, generator, { with: ['archive', 'inbox'] })[0]?.content).not.toContain(
      'partition by',
    )
  })
})

describe('the style of a migration for Knex', () => {
  const styleOf = (files: Readonly<Record<string, string>>, extension?: string): string => {
    const project = new MemoryProject('postgres', extension === undefined ? {} : { extension })
    for (const [path, text] of Object.entries(files)) project.files.set(path, text)
    const [file] = generate(project, knexGenerator)
    const text = file?.content ?? ''
    const language = text.includes('import type')
      ? 'typescript'
      : text.includes('exports.up')
        ? 'commonjs'
        : 'esm'
    return `${file?.path.replace(/.*\./, '') ?? ''} ${language}`
  }

  test.for<[string, Record<string, string>, string | undefined, string]>([
    ['a package without a type', { 'package.json': '{}' }, undefined, 'js commonjs'],
    ['a package of modules', { 'package.json': '{ "type": "module" }' }, undefined, 'js esm'],
    ['a knexfile.ts', { 'package.json': '{}' }, 'ts', 'ts typescript'],
    ['a knexfile.mjs', {}, 'mjs', 'mjs esm'],
    ['migrations in TypeScript', { 'migrations/20200101000000_a.ts': '' }, 'js', 'ts typescript'],
    [
      'migrations with exports, among modules',
      { 'package.json': '{"type":"module"}', 'migrations/20200101000000_a.js': 'exports.up = 1' },
      undefined,
      'js commonjs',
    ],
    [
      'migrations with export',
      { 'migrations/20200101000000_a.js': 'export const up = 1' },
      undefined,
      'js esm',
    ],
    [
      'a package.json of the folder itself',
      { 'package.json': '{}', 'migrations/package.json': '{"type": "module"}' },
      undefined,
      'js esm',
    ],
  ])('%s', ([, files, extension, expected]) => {
    expect(styleOf(files, extension)).toBe(expected)
  })

  test('is later than every migration that is there', () => {
    const project = new MemoryProject('postgres')
    project.files.set('migrations/20991231235959_later.js', '')
    expect(generate(project, knexGenerator)[0]?.path).toBe('migrations/20991231235960_outbox.js')
  })
})
