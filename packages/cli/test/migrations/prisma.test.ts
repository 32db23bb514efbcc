import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { resolveSchema } from '@outboxkit/core'
import { prismaGenerator } from '../../src/migrations/prisma/generator.js'
import { prismaModels } from '../../src/migrations/prisma/models.js'
import { renderModel } from '../../src/migrations/prisma/schema-text.js'
import { generateInto, type Files } from './project.js'

const datasource = 'datasource db {\n  provider = "postgresql"\n}\n'
const mysql = datasource.replace('postgresql', 'mysql')
const withSchemas = datasource.replace('}', '  schemas  = ["public", "events"]\n}')
const schema = 'prisma/schema.prisma'
const paths = (files: readonly { path: string }[]): string[] => files.map(({ path }) => path)

describe('where it writes', () => {
  test('models at the end of the schema, a folder of SQL beside it', () => {
    const files: Files = { [schema]: datasource }
    const { files: written, next } = generateInto(files, prismaGenerator, 'postgres')
    expect(paths(written)).toEqual([schema, 'prisma/migrations/20261124200000_outbox/migration.sql'])
    expect(files[schema]).toMatch(
      /^datasource db \{[^}]*\}\n\n\/\/ The tables of Outboxkit[^]*model OutboxHeld \{[^}]*\}\n$/,
    )
    expect(files['prisma/migrations/20261124200000_outbox/migration.sql']).toContain(
      'generated always as identity',
    )
    expect(next.join()).toMatch(
      /prisma migrate dev.*prisma generate.*prisma db execute --file prisma\/migrations/,
    )
    expect(generateInto(files, prismaGenerator, 'postgres').files).toEqual([])
  })

  test.each([
    ['no line end', datasource.trimEnd(), '\n'],
    ['Windows line ends', datasource.replaceAll('\n', '\r\n'), '\r\n'],
  ])('%s', (_, text, end) => {
    const files: Files = { [schema]: text }
    generateInto(files, prismaGenerator, 'postgres')
    expect(files[schema]?.startsWith(`${text.trimEnd()}${end}${end}// The tables`)).toBe(true)
    expect(files[schema]?.replaceAll(end, '').includes(end === '\n' ? '\r' : '\n')).toBe(false)
  })

  test('a file of its own in a folder of files', () => {
    const files: Files = {
      'db/schema/main.prisma': datasource,
      'db/schema/orders/order.prisma': 'model Order {\n}\n',
    }
    const written = generateInto(
      files,
      prismaGenerator,
      'postgres',
      {},
      { schema: 'db/schema', out: 'db/migrations' },
    )
    expect(paths(written.files)).toEqual([
      'db/schema/outbox.prisma',
      'db/migrations/20261124200000_outbox/migration.sql',
    ])
  })

  test('after the last migration, whatever the clock says', () => {
    const files: Files = { [schema]: datasource, 'prisma/migrations/20270101120000_later/migration.sql': '' }
    expect(paths(generateInto(files, prismaGenerator, 'postgres').files)).toContain(
      'prisma/migrations/20270101120001_outbox/migration.sql',
    )
  })

  test('two outboxes', () => {
    const files: Files = { [schema]: datasource }
    generateInto(files, prismaGenerator, 'postgres')
    generateInto(files, prismaGenerator, 'postgres', { name: 'billing_outbox', uniqueId: true })
    expect(files[schema]).toMatch(
      /model BillingOutboxEvent \{[^}]*@unique\(map: "billing_outbox_id"\)[^}]*\}/,
    )
    expect(files[schema]?.match(/The tables of Outboxkit/g)).toHaveLength(1)
    generateInto(files, prismaGenerator, 'postgres', { with: ['deliver-at'] })
    expect(files[schema]?.match(/deliverAt/g)).toHaveLength(2)
  })

  test('models that were taken out come back; the tables are there', () => {
    const files: Files = { [schema]: datasource }
    generateInto(files, prismaGenerator, 'postgres')
    files[schema] = datasource
    expect(paths(generateInto(files, prismaGenerator, 'postgres').files)).toEqual([schema])
  })
})

describe('an upgrade', () => {
  test('adds to models that are there, and leaves what their owner has made of them', () => {
    const files: Files = { [schema]: datasource }
    generateInto(files, prismaGenerator, 'postgres')
    const own = (files[schema] ?? '')
      .replace(
        '  payload       Json?    @db.Json\n',
        '  /// what happened\n  payload       Json?    @db.Json // text\n',
      )
      .replace('createdAt     DateTime', 'emittedAt     DateTime')
      .replace('  @@map("outbox_held")\n  @@ignore\n', '  @@map("outbox_held")\n')
    files[schema] = own
    generateInto(files, prismaGenerator, 'postgres', { with: ['deliver-at'] })
    const added = (files[schema] ?? '').split('\n').filter((line) => !own.split('\n').includes(line))
    expect(added).toContain('  deliverAt     DateTime? @map("deliver_at") @db.Timestamptz(6)')
    expect(added).toContain('  schemaVersion Int       @default(2) @map("schema_version")')
    expect(files[schema]).toContain('  /// what happened\n  payload       Json?     @db.Json // text\n')
    expect(files[schema]).toContain('  emittedAt     DateTime  @default(')
    expect(files[schema]).toContain('  @@map("outbox_held")\n}')
    // Nothing but spaces differs otherwise.
    const squeezed = (text = ''): string => text.replaceAll(/ +/g, ' ')
    const without = squeezed(files[schema])
      .replaceAll(' deliverAt DateTime? @map("deliver_at") @db.Timestamptz(6)\n', '')
      .replace('@default(2) @map("schema_version")', '@default(1) @map("schema_version")')
    expect(without).toBe(squeezed(own))
  })
})

describe('what it refuses', () => {
  test.each([
    ['no schema', {}, 'postgres', {}, /No Prisma schema/],
    ['another database', { [schema]: mysql }, 'postgres', {}, /provider mysql/],
    [
      'a model of that name',
      { [schema]: `${datasource}\nmodel OutboxEvent {\n  id Int @id\n}\n` },
      'postgres',
      {},
      /model OutboxEvent already/,
    ],
    [
      'a schema that Prisma does not look at',
      { [schema]: datasource },
      'postgres',
      { schema: 'events' },
      /schemas = \["public", "events"\]/,
    ],
    [
      'a schema that is not listed',
      { [schema]: withSchemas },
      'postgres',
      { schema: 'app' },
      /public, events, not app/,
    ],
    ['another database of the server', { [schema]: mysql }, 'mysql', { schema: 'app' }, /--tool sql/],
  ] as const)('%s', (_, files, dialect, options, message) => {
    const before = structuredClone(files)
    expect(() => generateInto(files, prismaGenerator, dialect, options)).toThrow(message)
    expect(files).toEqual(before)
  })
})

test('with a list of schemas each model says its own', () => {
  const files: Files = { [schema]: withSchemas }
  generateInto(files, prismaGenerator, 'postgres', { schema: 'events' })
  expect(files[schema]?.match(/@@schema\("events"\)/g)).toHaveLength(3)
  const sql = files['prisma/migrations/20261124200000_outbox/migration.sql']
  expect(sql).toMatch(/create schema "events"/)
  generateInto(files, prismaGenerator, 'postgres', { schema: 'events', with: ['inbox'] })
  expect(files[schema]?.match(/@@schema\("events"\)/g)).toHaveLength(4)
})

test.each(['postgres', 'mysql'] as const)(
  'the README shows the models of %s as they are generated',
  (dialect) => {
    const readme = readFileSync(new URL('../../../prisma/README.md', import.meta.url), 'utf8')
    const blocks = [...readme.matchAll(/```prisma\n([\s\S]*?)```/g)].map(([, block]) => block)
    const models = prismaModels(dialect, resolveSchema(dialect)).map(renderModel).join('\n')
    expect(blocks[dialect === 'postgres' ? 0 : 1]).toBe(models)
  },
)
