import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { drizzleGenerator } from '../../src/migrations/drizzle/generator.js'
import { generateInto, type Files } from './project.js'

const schema = 'src/schema.ts'
const paths = (files: readonly { path: string }[]): string[] => files.map(({ path }) => path)

describe('definitions', () => {
  test('in a new file', () => {
    const files: Files = {}
    const { next } = generateInto(files, drizzleGenerator, 'postgres', {}, { schema: 'src/db/outbox.ts' })
    const fixture = new URL('../fixtures/migrations/drizzle-postgres.ts', import.meta.url)
    expect(files).toEqual({ 'src/db/outbox.ts': readFileSync(fixture, 'utf8') })
    expect(next).toEqual(['npx drizzle-kit generate', 'npx drizzle-kit migrate'])
    expect(
      generateInto(files, drizzleGenerator, 'postgres', {}, { schema: 'src/db/outbox.ts' }).files,
    ).toEqual([])
  })

  test('at the end of a schema, in its style', () => {
    const files: Files = {
      [schema]: 'import { pgTable } from "drizzle-orm/pg-core";\n\nexport const a = pgTable("a", {});',
    }
    generateInto(files, drizzleGenerator, 'postgres', { name: 'billing_outbox', payload: 'bytes' })
    expect(files[schema]).toContain(
      'pgTable("a", {});\n\nimport { outboxTables } from "@outboxkit/drizzle";\n',
    )
    expect(files[schema]).toContain('} = outboxTables({ name: "billing_outbox", payload: "bytes" });\n')
    expect(files[schema]).toContain('outbox: billingOutbox')
  })

  test('in a pgSchema, which is exported unless it is', () => {
    const files: Files = { [schema]: "import { pgSchema } from 'drizzle-orm/pg-core'\n" }
    generateInto(files, drizzleGenerator, 'postgres', { schema: 'events' })
    expect(files[schema]).toContain("export const outboxSchema = pgSchema('events')")
    expect(files[schema]?.match(/import \{ pgSchema/g)).toHaveLength(1)
    const other: Files = { [schema]: "export const own = pgSchema('events')\n" }
    generateInto(other, drizzleGenerator, 'postgres', { schema: 'events' })
    expect(other[schema]?.match(/pgSchema\(/g)).toHaveLength(1)
  })

  test('of an upgrade take the place of those before, and of nothing else', () => {
    const files: Files = { [schema]: 'export const a = 1\n' }
    generateInto(files, drizzleGenerator, 'mysql')
    generateInto(files, drizzleGenerator, 'mysql', { name: 'second' })
    files[schema] += 'export const z = 2\n'
    generateInto(files, drizzleGenerator, 'mysql', { with: ['inbox'] })
    expect(files[schema]).toContain(
      "export const { outbox, outboxLease, outboxHeld, outboxInbox } = mysqlOutboxTables({ with: ['inbox'] })\n",
    )
    expect(files[schema]).toMatch(
      /^export const a = 1\n[^]*mysqlOutboxTables\(\{ name: 'second' \}\)[^]*export const z = 2\n$/,
    )
    expect(files[schema]?.match(/outboxkit schema:/g)).toHaveLength(2)
    expect(files[schema]?.match(/^import /gm)).toHaveLength(1)
  })

  test('that somebody has changed are left alone', () => {
    const files: Files = {}
    generateInto(files, drizzleGenerator, 'postgres', {}, { schema })
    files[schema] = files[schema]?.replace('} = outboxTables()', '} = outboxTables(options)') ?? ''
    const before = { ...files }
    expect(() => generateInto(files, drizzleGenerator, 'postgres', { with: ['inbox'] })).toThrow(
      /no longer as outboxkit generate wrote them/,
    )
    expect(files).toEqual(before)
  })

  test.each([
    ['no schema', {}, /migrations\.schema/],
    [
      'the name is taken',
      { [schema]: "export const outbox = pgTable('mine', {})\n" },
      /called outbox already/,
    ],
  ])('refused: %s', (_, files: Files, message) => {
    expect(() => generateInto(files, drizzleGenerator, 'postgres')).toThrow(message)
  })
})

const journal = JSON.stringify({
  version: '7',
  dialect: 'mysql',
  entries: [{ idx: 4, version: '5', when: 4_000_000_000_000, tag: '0004_a', breakpoints: true }],
})
const columns = Object.fromEntries(
  [
    'position',
    'id',
    'aggregatetype',
    'aggregateid',
    'type',
    'payload',
    'headers',
    'topic',
    'created_at',
    'scope_kind',
    'scope',
    'code',
    'reason',
    'attempts',
    'not_before',
    'held_at',
    'request',
    'owner',
    'epoch',
    'renewals',
    'expires_at',
    'fingerprint',
    'log_position',
    'suspicion',
    'last_error',
    'last_error_at',
    'schema_version',
  ].map((name) => [name, {}]),
)
const tables = Object.fromEntries(
  ['outbox', 'outbox_lease', 'outbox_held'].map((name) => [name, { name, columns }]),
)

describe('what drizzle-kit cannot say', () => {
  test('waits for the migration of the tables, and follows it', () => {
    const files: Files = {
      'drizzle/meta/_journal.json': journal,
      'drizzle/meta/0004_snapshot.json': JSON.stringify({ id: 'a', prevId: 'b', tables: {} }),
    }
    generateInto(files, drizzleGenerator, 'mysql', {}, { schema })
    expect(generateInto(files, drizzleGenerator, 'mysql', {}, { schema })).toMatchObject({
      files: [],
      next: expect.arrayContaining(['npx drizzle-kit generate']),
    })
    files['drizzle/meta/0004_snapshot.json'] = JSON.stringify({ id: 'a', prevId: 'b', tables })
    expect(paths(generateInto(files, drizzleGenerator, 'mysql', {}, { schema }).files)).toEqual([
      'drizzle/0005_outbox_sql.sql',
      'drizzle/meta/0005_snapshot.json',
      'drizzle/meta/_journal.json',
    ])
    expect(files['drizzle/0005_outbox_sql.sql']).toContain('collate utf8mb4_bin')
    expect(JSON.parse(files['drizzle/meta/0005_snapshot.json'] ?? '')).toMatchObject({ prevId: 'a', tables })
    // drizzle-orm runs what is younger than what it ran last, here of a clock that is ahead.
    expect(JSON.parse(files['drizzle/meta/_journal.json'] ?? '').entries).toEqual([
      expect.objectContaining({ idx: 4 }),
      { idx: 5, version: '5', when: 4_000_000_000_001, tag: '0005_outbox_sql', breakpoints: true },
    ])
    expect(generateInto(files, drizzleGenerator, 'mysql', {}, { schema })).toMatchObject({
      files: [],
      next: [],
    })
  })

  test('in a folder of its own, as drizzle-kit has it from 1.0 on', () => {
    const ddl = ['outbox', 'outbox_lease', 'outbox_held'].flatMap((table) =>
      Object.keys(columns).map((name) => ({ entityType: 'columns', table, name })),
    )
    const files: Files = {
      'drizzle/20270101000000_a/migration.sql': '',
      'drizzle/20270101000000_a/snapshot.json': JSON.stringify({ id: 'a', prevIds: ['b'], ddl }),
    }
    generateInto(files, drizzleGenerator, 'mysql', {}, { schema })
    expect(paths(generateInto(files, drizzleGenerator, 'mysql', {}, { schema }).files)).toEqual([
      'drizzle/20270101000001_outbox_sql/migration.sql',
      'drizzle/20270101000001_outbox_sql/snapshot.json',
    ])
    expect(JSON.parse(files['drizzle/20270101000001_outbox_sql/snapshot.json'] ?? '')).toMatchObject({
      prevIds: ['a'],
      ddl,
    })
    expect(generateInto(files, drizzleGenerator, 'mysql', {}, { schema }).files).toEqual([])
  })

  test('is said instead where only drizzle-kit can continue its snapshots, as 1.0 on PostgreSQL', () => {
    const files: Files = {
      'drizzle/20270101000000_a/migration.sql': '',
      'drizzle/20270101000000_a/snapshot.json': JSON.stringify({ id: 'a', type: 'diff', deltas: [] }),
    }
    const options = { with: ['archive'] } as const
    generateInto(files, drizzleGenerator, 'postgres', options, { schema })
    const { files: written, next } = generateInto(files, drizzleGenerator, 'postgres', options, { schema })
    expect(written).toEqual([])
    expect(next[1]).toMatch(/generate --custom --name outbox_sql, [^]*partition by range/)
    files['drizzle/20270101000001_outbox_sql/migration.sql'] = next[1]?.split('\n\n')[1] ?? ''
    files['drizzle/20270101000001_outbox_sql/snapshot.json'] = JSON.stringify({ id: 'b', type: 'diff' })
    expect(generateInto(files, drizzleGenerator, 'postgres', options, { schema })).toMatchObject({ next: [] })
  })

  test('a journal that cannot be read is not written', () => {
    const files: Files = {
      'drizzle/meta/_journal.json': '{',
      'drizzle/meta/0004_snapshot.json': JSON.stringify({ id: 'a', tables }),
    }
    generateInto(files, drizzleGenerator, 'mysql', {}, { schema })
    const before = { ...files }
    expect(() => generateInto(files, drizzleGenerator, 'mysql', {}, { schema })).toThrow(
      /_journal\.json is not as drizzle-kit writes it/,
    )
    expect(files).toEqual(before)
  })
})
