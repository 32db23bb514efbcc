import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runProgram } from '../../src/run.js'
import { folderWith } from '../support/folder.js'

async function run(cwd: string, ...argv: readonly string[]) {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (texts[name] += text) })
  const exitCode = await runProgram(argv, {
    cwd,
    environment: {},
    stdin: {},
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signal: new AbortController().signal,
    version: '1.2.3',
  } as never)
  return { exitCode, ...texts }
}

const sql = ['generate', '--tool', 'sql', '--dialect', 'postgres'] as const

describe('outboxkit generate', () => {
  test('writes, says what comes next, and does nothing the second time', async () => {
    const cwd = folderWith({ 'package.json': '{}' })
    const first = await run(cwd, ...sql)
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    expect(first.stdout).toBe(
      'created outbox-migrations/0001_outbox.up.sql\ncreated outbox-migrations/0001_outbox.down.sql\nNext:\n  npx outboxkit migrate\n',
    )
    const before = readdirSync(join(cwd, 'outbox-migrations'))
    expect(await run(cwd, ...sql)).toMatchObject({ exitCode: 0, stdout: 'Nothing to do.\n' })
    expect(readdirSync(join(cwd, 'outbox-migrations'))).toEqual(before)
  })

  test('--dry-run prints a diff and writes nothing', async () => {
    const cwd = folderWith({ 'package.json': '{}' })
    const { exitCode, stdout } = await run(cwd, ...sql, '--with', 'inbox', '--dry-run')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('--- /dev/null\n+++ b/outbox-migrations/0001_outbox.up.sql\n@@ -0,0 +1,')
    expect(stdout).toContain('+create table "outbox_inbox" (')
    expect(existsSync(join(cwd, 'outbox-migrations'))).toBe(false)
  })

  test('--json is one object', async () => {
    const cwd = folderWith({ 'package.json': '{}' })
    const { stdout } = await run(cwd, ...sql, '--json', '--schema', 'shop', '--with', 'archive,deliver-at')
    expect(JSON.parse(stdout)).toMatchObject({
      table: '"shop"."outbox"',
      tool: 'sql',
      nothingToDo: false,
      written: true,
      from: [],
      to: ['base', 'archive', 'deliver-at'],
      files: [{ path: 'outbox-migrations/0001_outbox.up.sql', mode: 'create' }, {}],
      next: ['npx outboxkit migrate', expect.stringContaining("set cleanup: 'archive'")],
    })
  })

  test('a new archive: says once that the relay has to be told, unless it was', async () => {
    const database = '"database":{"dialect":"postgres"}'
    const args = ['generate', '--tool', 'sql', '--with', 'archive', '--json'] as const
    const nextOf = async (cwd: string) =>
      (JSON.parse((await run(cwd, ...args)).stdout) as { next: string[] }).next
    const fresh = folderWith({ 'package.json': '{}', 'outbox.config.json': `{${database}}` })
    expect(await nextOf(fresh)).toEqual([
      'npx outboxkit migrate',
      expect.stringContaining('OUTBOXKIT_CLEANUP=archive'),
    ])
    expect(await nextOf(fresh)).toEqual([])
    const told = folderWith({
      'package.json': '{}',
      'outbox.config.json': `{${database},"cleanup":"archive"}`,
    })
    expect(await nextOf(told)).toEqual(['npx outboxkit migrate'])
  })

  test('finds Knex, its folder and its style', async () => {
    const cwd = folderWith({
      'package.json': '{ "type": "module", "dependencies": { "knex": "3" } }',
      'knexfile.js': "export default { client: 'mysql2', migrations: { directory: './db/changes' } }",
    })
    const { stdout, stderr } = await run(cwd, 'generate', '--dialect', 'mysql', '--no-database')
    expect(stderr).toBe('')
    const [name = ''] = readdirSync(join(cwd, 'db/changes'))
    expect(stdout).toContain(`created db/changes/${name}\n`)
    expect(readFileSync(join(cwd, 'db/changes', name), 'utf8')).toContain('export async function up(knex) {')
  })

  test('names the flags that the command of Knex needs', async () => {
    const cwd = folderWith({
      'package.json': '{ "dependencies": { "knex": "3" } }',
      'knexfile.js':
        "module.exports = { development: { client: 'sqlite3' }, staging: { client: 'pg', connection: 'x' } }",
    })
    const { stdout } = await run(cwd, 'generate', '--dialect', 'postgres')
    expect(stdout).toContain('npx knex migrate:latest --env staging')
  })

  test.for<[string, string[], string, number]>([
    ['no tool', ['--dialect', 'postgres'], 'Say whose migrations are wanted: --tool', 2],
    ['an unknown tool', ['--tool', 'flyway'], 'Allowed choices are prisma, drizzle, knex, sql', 2],
    ['an unknown part', ['--with', 'outbox'], 'Allowed are archive, inbox, deliver-at', 2],
    ['no configuration', ['--tool', 'sql'], 'There is no database', 2],
    [
      'what cannot be',
      ['--tool', 'sql', '--dialect', 'mysql', '--partitioned', 'outbox'],
      'Partitions are made on PostgreSQL only',
      2,
    ],
  ])('refuses %s', async ([, flags, message, code]) => {
    const cwd = folderWith({ 'package.json': '{}' })
    const { exitCode, stderr } = await run(cwd, 'generate', ...flags)
    expect(stderr).toContain(message)
    expect(exitCode).toBe(code)
    expect(readdirSync(cwd)).toEqual(['package.json'])
  })

  test('--roles prints what each role may do, and writes it with --out', async () => {
    const cwd = folderWith({ 'package.json': '{}' })
    const flags = ['generate', '--roles', '--dialect', 'mysql', '--with', 'inbox', '--app-role', "a'pp@10.%"]
    const { stdout } = await run(cwd, ...flags)
    expect(stdout).toContain("grant insert on `outbox` to 'a''pp'@'10.%';")
    expect(stdout).toContain("grant select, insert, update on `outbox_lease` to 'outbox_relay';")
    expect(stdout).toContain("grant select, insert, delete on `outbox_inbox` to 'outbox_consumer';")
    await run(cwd, ...flags, '--out', 'roles.sql')
    expect(readFileSync(join(cwd, 'roles.sql'), 'utf8').trimEnd()).toBe(stdout.trimEnd())
    const again = await run(cwd, ...flags, '--out', 'roles.sql')
    expect(again).toMatchObject({ exitCode: 1 })
    expect(again.stderr).toContain('It is there already')
  })
})

describe('outboxkit migrate', () => {
  const files = (tool: string) => ({
    'package.json': '{}',
    'outbox.config.json': `{ "database": { "url": "postgres://u:secret@127.0.0.1:1/db" }, "migrations": { "tool": "${tool}" } }`,
  })

  test.for<[string, string, string[], string, number]>([
    ['a folder without migrations', 'sql', [], 'Write it: outboxkit generate --tool sql', 1],
    ["another tool's project", 'knex', [], 'npx knex migrate:latest', 2],
    ['a count that is none', 'sql', ['--down', '0'], 'It must be a whole number from 1 on', 2],
  ])('refuses %s', async ([, tool, flags, message, code]) => {
    const { exitCode, stderr } = await run(folderWith(files(tool)), 'migrate', ...flags)
    expect(stderr).toContain(message)
    expect(exitCode).toBe(code)
  })

  test('says that the database is not there, without its password', async () => {
    const cwd = folderWith(files('sql'))
    const written = await run(cwd, 'generate')
    expect(written.stderr).toContain('The database was not looked at')
    const { exitCode, stderr } = await run(cwd, 'migrate')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('OUTBOX_DATABASE_FAILED')
    expect(written.stderr + stderr).not.toContain('secret')
  })
})
