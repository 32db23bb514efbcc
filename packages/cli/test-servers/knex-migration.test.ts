import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { resolveSchema, resolveTable, type SchemaOptions } from '@outboxkit/core'
import knex, { type Knex } from 'knex'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  compareSchema,
  folderProject,
  generateMigration,
  knexGenerator,
  readSchema,
  writePlan,
} from '../src/index.js'
import { freshTestDatabase, servers, withoutZeroDates, type TestDatabase } from './schema-support.js'

// Below the repository, so that what Knex loads finds its modules.
const here = dirname(fileURLToPath(import.meta.url))

const styles = [
  { style: 'commonjs', extension: 'cjs' },
  { style: 'ESM', extension: 'mjs' },
] as const

type Done = (error: Error | null, connection: unknown) => void
const keep = (connection: unknown, done: Done): void => done(null, connection)
/** For MySQL 8.0.15, as docs/migrations.md says. */
const relax = (
  connection: { query: (text: string, done: (error: Error | null) => void) => void },
  done: Done,
): void => connection.query(withoutZeroDates, (error) => done(error, connection))

describe.each(servers)('a migration for Knex, applied by Knex on %s', (server) => {
  const dialect = server === 'postgres' ? 'postgres' : 'mysql'
  let target: TestDatabase
  let root: string
  let client: Knex
  let extension: string
  beforeEach(async () => {
    target = await freshTestDatabase(server)
    root = mkdtempSync(join(here, 'knex-tmp-'))
    // What tools would look for above is not to be found.
    writeFileSync(join(root, 'package.json'), '{ "type": "commonjs" }')
    client = knex({
      client: dialect === 'postgres' ? 'pg' : 'mysql2',
      connection: target.url,
      pool: { afterCreate: dialect === 'postgres' ? keep : relax },
      migrations: { directory: join(root, 'migrations'), loadExtensions: ['.cjs', '.mjs', '.ts', '.js'] },
    })
    extension = 'cjs'
  })
  afterEach(async () => {
    await client.destroy()
    await target[Symbol.asyncDispose]()
    rmSync(root, { recursive: true })
  })

  let minutes = 0
  /** As if a minute went by between two migrations. */
  const project = () =>
    folderProject({ root, dialect, extension, now: new Date(Date.UTC(2026, 0, 1, 0, minutes++)) })
  async function generate(options: SchemaOptions = {}, look = false): Promise<string[]> {
    const place = project()
    const database = look ? await readSchema(target.database, resolveTable()) : undefined
    const generated = generateMigration({ project: place, generator: knexGenerator, options, database })
    writePlan(place, generated.files)
    return generated.files.map(({ path }) => path)
  }
  /** Knex's own tool; what it has run. */
  const latest = async (): Promise<string[]> => ((await client.migrate.latest()) as [number, string[]])[1]
  const rollback = async (): Promise<string[]> =>
    ((await client.migrate.rollback(undefined, true)) as [number, string[]])[1]
  const command = async (name: string): Promise<string> => {
    const knexCommand = fileURLToPath(import.meta.resolve('knex/bin/cli.js'))
    const flags = ['--import', 'tsx', knexCommand, name, '--knexfile', join(root, 'knexfile.ts')]
    return (await promisify(execFile)(process.execPath, flags, { timeout: 60_000 })).stdout
  }
  const driftOf = async (options: SchemaOptions): Promise<readonly unknown[]> => {
    const wanted = resolveSchema(dialect, options)
    return compareSchema(dialect, await readSchema(target.database, wanted.table), wanted)
  }
  const ours = async (): Promise<readonly string[]> =>
    (await target.tableNames()).filter((name) => !name.startsWith('knex_'))

  test.for(styles)(
    'in $style: the canonical tables; again: nothing; back: nothing is left',
    async (style) => {
      extension = style.extension
      await generate()
      expect(await latest()).toHaveLength(1)
      expect(await driftOf({})).toEqual([])
      expect(await latest()).toEqual([])
      expect(await generate({}, true)).toEqual([])
      expect(await rollback()).toHaveLength(1)
      expect(await ours()).toEqual([])
    },
  )

  test('in TypeScript, by the command of Knex', async () => {
    extension = 'ts'
    await generate()
    const connection = JSON.stringify(target.url)
    writeFileSync(
      join(root, 'knexfile.ts'),
      `export default { client: '${dialect === 'postgres' ? 'pg' : 'mysql2'}', connection: ${connection} }\n`,
    )
    expect(await command('migrate:latest')).toContain('Batch 1 run: 1 migrations')
    expect(await driftOf({})).toEqual([])
    expect(await command('migrate:rollback')).toContain('Batch 1 rolled back: 1 migrations')
    expect(await ours()).toEqual([])
  })

  test('an upgrade from version 1 keeps every row', async () => {
    await generate()
    await latest()
    const values = ['1', '2', '3'].map(
      (n) => `('00000000-0000-7000-8000-00000000000${n}', 'order', '${n}', 'order.placed', '{"n":1.10}')`,
    )
    await target.run([
      `insert into outbox (id, aggregatetype, aggregateid, type, payload) values ${values.join(', ')}`,
      'insert into outbox_lease (id, epoch) values (1, 7)',
    ])
    const before = await target.database.query('select * from outbox order by position')
    await generate({ with: ['archive', 'inbox'] })
    await generate({ with: ['deliver-at'], uniqueId: true })
    expect(await latest()).toHaveLength(2)
    const everything = { with: ['archive', 'inbox', 'deliver-at'], uniqueId: true } as const
    expect(await driftOf(everything)).toEqual([])
    expect(await target.database.query('select * from outbox order by position')).toEqual(
      before.map((row) => ({ ...row, deliver_at: null })),
    )
    expect(await target.database.query('select epoch, schema_version from outbox_lease')).toEqual([
      { epoch: '7', schema_version: 2 },
    ])
    expect(await generate(everything, true)).toEqual([])
    await client.migrate.down()
    await client.migrate.down()
    expect(await driftOf({})).toEqual([])
    expect(await target.database.query('select * from outbox order by position')).toEqual(before)
    await rollback()
    expect(await ours()).toEqual([])
  })

  const shapes: SchemaOptions[] = [
    { payload: 'bytes', idType: 'text', with: ['archive', 'deliver-at'] },
    { name: "what? it's `so` \\n ${x}", with: ['inbox'] },
    ...(dialect === 'postgres'
      ? ([
          { schema: 'knex schema?', partitioned: ['outbox', 'archive'], with: ['archive'] },
        ] as SchemaOptions[])
      : []),
  ]
  test.for(shapes)('%j', async (options) => {
    const schema = options.schema === undefined ? undefined : `${options.schema} ${root.slice(-6)}`
    const wanted = { ...options, ...(schema === undefined ? {} : { schema }) }
    await generate(wanted)
    await latest()
    expect(await driftOf(wanted)).toEqual([])
    await rollback()
    expect(await ours()).toEqual([])
    if (schema !== undefined) await target.run([`drop schema "${schema}"`])
  })

  test.runIf(dialect === 'mysql')('one that was interrupted is run again to its end', async () => {
    await generate({ with: ['archive'] })
    await latest()
    await target.run(['drop table outbox_archive', 'drop table outbox_held', 'delete from knex_migrations'])
    await latest()
    await generate({ with: ['deliver-at'] })
    await target.run(['alter table outbox add column deliver_at datetime(6)'])
    await latest()
    expect(await driftOf({ with: ['archive', 'deliver-at'] })).toEqual([])
  })

  test.runIf(dialect === 'mysql')("somebody else's table of the name is not taken for ours", async () => {
    await generate()
    await target.run(['create table outbox_lease (id int primary key)'])
    await expect(latest()).rejects.toThrow(/owner/)
  })

  test('a migration is written in the style of the ones that are there', async () => {
    await generate()
    extension = 'ts'
    await generate({ with: ['inbox'] })
    expect(readdirSync(join(root, 'migrations'))).toEqual([
      expect.stringMatching(/^\d{14}_outbox\.cjs$/),
      expect.stringMatching(/^\d{14}_outbox_inbox\.cjs$/),
    ])
  })
})
