import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { latestSchemaVersion, resolveSchema, resolveTable, type SchemaOptions } from '@outboxkit/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  baseline,
  compareSchema,
  folderProject,
  generateMigration,
  migrate,
  openDatabase,
  readSchema,
  readSqlMigrations,
  revert,
  sqlGenerator,
  writePlan,
  type Database,
  type MigrateRequest,
} from '../src/index.js'
import { freshTestDatabase, servers, type TestDatabase } from './schema-support.js'

const everything: SchemaOptions = { with: ['archive', 'inbox', 'deliver-at'] }

describe.each(servers)('outboxkit migrate on %s', (server) => {
  const dialect = server === 'postgres' ? 'postgres' : 'mysql'
  let target: TestDatabase
  let root: string
  let others: Database[]
  beforeEach(async () => {
    target = await freshTestDatabase(server)
    root = mkdtempSync(join(tmpdir(), 'outboxkit-migrate-'))
    others = []
  })
  afterEach(async () => {
    await Promise.all(others.map((database) => database.close()))
    await target[Symbol.asyncDispose]()
    rmSync(root, { recursive: true })
  })

  const project = () => folderProject({ root, dialect })
  /** Writes the next migration; gives the paths. */
  function generate(options: SchemaOptions = {}): string[] {
    const generated = generateMigration({ project: project(), generator: sqlGenerator, options })
    writePlan(project(), generated.files)
    return generated.files.map(({ path }) => path)
  }
  const request = (database = target.database): MigrateRequest => ({
    database,
    table: resolveTable(),
    files: readSqlMigrations(project(), resolveTable()),
  })
  async function connect(): Promise<Database> {
    const database = await openDatabase({ dialect, url: target.url })
    others.push(database)
    return database
  }
  const names = async (work: Promise<readonly { name: string }[]>): Promise<string[]> =>
    (await work).map(({ name }) => name)
  const driftOf = async (options: SchemaOptions): Promise<readonly unknown[]> => {
    const wanted = resolveSchema(dialect, options)
    return compareSchema(dialect, await readSchema(target.database, wanted.table), wanted)
  }
  const firstTable = dialect === 'postgres' ? '"outbox"' : '`outbox`'
  const emit = (count: number): Promise<unknown> =>
    target.run(
      Array.from(
        { length: count },
        (_, index) =>
          `insert into outbox (id, aggregatetype, aggregateid, type, payload) values ('00000000-0000-7000-8000-00000000000${index}', 'order', '1', 'order.placed', '{}')`,
      ),
    )
  const file = (name: string): string => join(root, 'outbox-migrations', name)

  test('does not drop events that are not published', async () => {
    generate()
    await migrate(request())
    const id = dialect === 'postgres' ? 'gen_random_uuid()' : 'uuid()'
    await target.database.query(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (${id}, 'order', '1', 't', '{}')`,
    )
    await expect(revert(request(), 1)).rejects.toMatchObject({
      code: 'OUTBOX_MIGRATION_FAILED',
      message: expect.stringContaining('not published') as string,
    })
    expect(await target.database.query('select 1 from outbox')).toHaveLength(1)
    await target.database.query('delete from outbox')
    expect(await revert(request(), 1)).toHaveLength(1)
  })

  // MySQL and MariaDB have no transaction around what drops a table.
  test.runIf(dialect === 'postgres')('waits with that for events that are being written', async () => {
    generate()
    await migrate(request())
    const [writer, watcher] = [await connect(), await connect()]
    let reverted: Promise<unknown> | undefined
    await writer.transaction(async (query) => {
      await query(
        `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (gen_random_uuid(), 'order', '1', 't', '{}')`,
      )
      reverted = revert(request(), 1).catch((error: unknown) => error)
      await vi.waitFor(
        async () => {
          const waiting = await watcher.query(
            `select 1 from pg_locks where not granted and relation = 'outbox'::regclass`,
          )
          expect(waiting).toHaveLength(1)
        },
        { timeout: 30_000 },
      )
    })
    expect(await reverted).toMatchObject({ message: expect.stringContaining('not published') as string })
    expect(await watcher.query('select 1 from outbox')).toHaveLength(1)
  })

  test('from nothing to every part, step by step; no row is lost; the way back leaves nothing', async () => {
    expect(generate()).toEqual([
      'outbox-migrations/0001_outbox.up.sql',
      'outbox-migrations/0001_outbox.down.sql',
    ])
    expect(generate()).toEqual([])
    expect(await names(migrate(request()))).toEqual(['0001_outbox'])
    expect(await driftOf({})).toEqual([])
    await emit(3)
    await target.run(['insert into outbox_lease (id, epoch) values (1, 7)'])
    const before = await target.database.query('select * from outbox order by position')

    expect(generate({ with: ['inbox'] })[0]).toBe('outbox-migrations/0002_outbox_inbox.up.sql')
    expect(generate({ with: ['archive', 'deliver-at'] })[0]).toBe(
      'outbox-migrations/0003_outbox_archive_deliver_at.up.sql',
    )
    expect(await names(migrate(request()))).toEqual(['0002_outbox_inbox', '0003_outbox_archive_deliver_at'])
    expect(await driftOf(everything)).toEqual([])
    expect(await migrate(request())).toEqual([])
    const after = await target.database.query('select * from outbox order by position')
    expect(after).toEqual(before.map((row) => ({ ...row, deliver_at: null })))
    expect(await target.database.query('select epoch, schema_version from outbox_lease')).toEqual([
      { epoch: '7', schema_version: latestSchemaVersion },
    ])

    expect(await names(revert(request(), 1))).toEqual(['0003_outbox_archive_deliver_at'])
    expect(await driftOf({ with: ['inbox'] })).toEqual([])
    expect(await target.database.query('select * from outbox order by position')).toEqual(before)
    await target.database.query('delete from outbox')
    expect(await names(revert(request(), 9))).toEqual(['0002_outbox_inbox', '0001_outbox'])
    expect(await target.tableNames()).toEqual([])
  })

  test('two processes at once: each migration runs once', async () => {
    generate()
    generate(everything)
    const databases = [await connect(), await connect(), await connect()]
    const results = await Promise.all(databases.map((database) => names(migrate(request(database)))))
    expect(results.flat().sort()).toEqual(['0001_outbox', '0002_outbox_archive_inbox_deliver_at'])
    expect(await driftOf(everything)).toEqual([])
  })

  test('a migration that fails half-way says what is there, and goes on when the cause is gone', async () => {
    generate()
    // In the way of the last table.
    await target.run(['create table outbox_held (x int)'])
    const failure = await migrate(request()).catch((error: unknown) => error)
    const isMysql = dialect === 'mysql'
    expect(failure).toMatchObject({
      code: 'OUTBOX_MIGRATION_FAILED',
      message: expect.stringContaining(
        isMysql
          ? 'The 2 before are done and stay, since MySQL cannot roll them back'
          : 'The migration was rolled back; nothing of it is in the database',
      ),
    })
    expect(await target.tableNames()).toEqual(
      isMysql ? ['outbox', 'outbox_held', 'outbox_lease', 'outbox_migrations'] : ['outbox_held'],
    )
    await target.run(['drop table outbox_held'])
    expect(await migrate(request())).toMatchObject([
      { name: '0001_outbox', ...(isMysql ? { resumedAfter: 2 } : {}) },
    ])
    expect(await driftOf({})).toEqual([])
  })

  test.runIf(dialect === 'mysql')(
    'a statement that was run without being noted is not run again',
    async () => {
      generate()
      const [first] = request().files
      await migrate(request())
      await target.run([
        'drop table outbox_held',
        `update outbox_migrations set done = 1, state = 'applying' where name = '${first?.name ?? ''}'`,
      ])
      // outbox_lease is there: as if the process had ended between the statement and the note.
      expect(await migrate(request())).toMatchObject([{ resumedAfter: 1 }])
      expect(await driftOf({})).toEqual([])
    },
  )

  test('a folder that is not the one of the database is refused', async () => {
    generate()
    await migrate(request())
    writeFileSync(file('0001_outbox.up.sql'), 'select 1;', { flag: 'a' })
    await expect(migrate(request())).rejects.toMatchObject({
      code: 'OUTBOX_MIGRATION_FAILED',
      message: expect.stringContaining('0001_outbox.up.sql has been changed since it was applied'),
    })
    renameSync(file('0001_outbox.up.sql'), file('0001_other.up.sql'))
    await expect(migrate(request())).rejects.toMatchObject({
      message: expect.stringContaining('has the migration 0001_outbox, which is not in the folder'),
    })
  })

  test('tables that something else has made are not touched; --baseline takes them over', async () => {
    generate()
    await target.run(['create table keep (x int)'])
    await migrate(request())
    await target.run(['drop table outbox_migrations'])
    await emit(1)
    await expect(migrate(request())).rejects.toMatchObject({
      code: 'OUTBOX_MIGRATION_FAILED',
      message: expect.stringContaining('outboxkit migrate --baseline'),
    })
    generate({ with: ['inbox'] })
    expect(await baseline(request())).toEqual(['0001_outbox'])
    expect(await names(migrate(request()))).toEqual(['0002_outbox_inbox'])
    expect(await target.database.query('select count(*) as n from outbox')).toEqual([{ n: '1' }].map(countOf))
  })

  test('a database that a newer program has changed is refused', async () => {
    generate()
    await migrate(request())
    await target.run([`insert into outbox_lease (id, schema_version) values (1, ${latestSchemaVersion + 1})`])
    generate(everything)
    for (const work of [migrate(request()), revert(request(), 1), baseline(request())])
      await expect(work).rejects.toMatchObject({ code: 'OUTBOX_SCHEMA_VERSION' })
    const database = await readSchema(target.database, resolveTable())
    expect(() =>
      generateMigration({ project: project(), generator: sqlGenerator, options: everything, database }),
    ).toThrowError(expect.objectContaining({ code: 'OUTBOX_SCHEMA_VERSION' }))
  })

  test("a file of the user's own is run in its place, with semicolons in texts and comments", async () => {
    generate()
    writeFileSync(
      file('0002_own.up.sql'),
      `-- a; comment\ncreate table own (x varchar(20) default 'a;b'); /* ; */\ninsert into own values ('c;d');\n-- the end;\n`,
    )
    expect(await migrate(request())).toMatchObject([
      { name: '0001_outbox' },
      { name: '0002_own', statements: 2 },
    ])
    expect(await target.database.query('select x from own')).toEqual([{ x: 'c;d' }])
    await expect(revert(request(), 1)).rejects.toMatchObject({
      message: expect.stringContaining('There is no 0002_own.down.sql'),
    })
  })

  test('a busy table is waited for shortly, again and again', async () => {
    generate()
    await migrate(request())
    generate({ with: ['deliver-at'] })
    const busy = await connect()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => void (release = resolve))
    const transaction = busy.transaction(async (query) => {
      await query(`select * from ${firstTable}`)
      await held
    })
    // Longer than one wait for the lock.
    setTimeout(() => release(), 1_300)
    expect(await names(migrate(request()))).toEqual(['0002_outbox_deliver_at'])
    await transaction
    expect(await driftOf({ with: ['deliver-at'] })).toEqual([])
  })

  test('two outboxes share a folder, each with a history of its own', async () => {
    generate()
    generate({ name: 'second' })
    expect(readdirSync(join(root, 'outbox-migrations'))).toContain('0002_second.up.sql')
    const second = resolveTable({ name: 'second' })
    expect(await names(migrate(request()))).toEqual(['0001_outbox'])
    const files = readSqlMigrations(project(), second)
    expect(await names(migrate({ database: target.database, table: second, files }))).toEqual(['0002_second'])
    expect(await target.tableNames()).toContain('second_migrations')
  })

  test('an empty folder has no migrations', () => {
    mkdirSync(join(root, 'outbox-migrations'))
    expect(request().files).toEqual([])
  })
})

/** mysql2 gives a small count as a number. */
const countOf = ({ n }: { n: string }): { n: unknown } => ({
  n: expect.toSatisfy((value) => String(value) === n),
})
