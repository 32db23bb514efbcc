import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../src/index.js'
import { runProgram } from '../src/run.js'
import { freshTestDatabase, servers, type TestDatabase } from './schema-support.js'

const repository = join(import.meta.dirname, '../../..')

describe.each(servers)('the commands on %s', (server) => {
  let target: TestDatabase
  let cwd: string
  beforeEach(async () => {
    target = await freshTestDatabase(server)
    cwd = mkdtempSync(join(tmpdir(), 'outboxkit-commands-'))
    writeFileSync(join(cwd, 'package.json'), '{}')
    const config = { database: { url: target.url }, migrations: { tool: 'sql' } }
    writeFileSync(join(cwd, 'outbox.config.json'), JSON.stringify(config))
  })
  afterEach(async () => {
    await target[Symbol.asyncDispose]()
    rmSync(cwd, { recursive: true })
  })

  async function run(...argv: readonly string[]) {
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
  const printed = async (...argv: readonly string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await run(...argv)
    expect([exitCode, stderr]).toEqual([0, ''])
    return stdout
  }

  test('generate, migrate, upgrade, and all the way back', async () => {
    expect(await printed('generate')).toContain('created outbox-migrations/0001_outbox.up.sql')
    const again = await run('generate')
    expect(again).toMatchObject({ exitCode: 0, stdout: 'Nothing to do.\n' })
    expect(again.stderr).toContain('The migrations have not been applied to this database yet.')
    expect(await printed('migrate', '--dry-run')).toMatch(/-- 0001_outbox\n[^]*create table/)
    expect(await target.tableNames()).toEqual([])
    expect(await printed('migrate')).toMatch(/^applied 0001_outbox \([34] statements\)\n$/)
    expect(await printed('migrate')).toBe('Nothing to do.\n')
    expect(await printed('generate')).toBe('Nothing to do.\n')
    await printed('generate', '--with', 'archive,inbox')
    expect(JSON.parse(await printed('migrate', '--json'))).toMatchObject({
      outbox: 'default',
      applied: [{ name: '0002_outbox_archive_inbox' }],
    })
    await target.run(['alter table outbox_archive drop column outcome'])
    const drifted = await run('generate')
    expect(drifted.stdout).toBe('Nothing to do.\n')
    expect(drifted.stderr.replaceAll(/["`]/g, '')).toContain('outbox_archive.outcome is not there')
    const shown = await run('migrate', '--down', '2')
    expect(shown.stdout).toMatch(/-- 0002_outbox_archive_inbox\n[^]*-- 0001_outbox\n[^]*drop table/)
    expect(shown.stderr).toContain('Nothing was changed. Add --yes to run this.')
    expect(await target.tableNames()).toContain('outbox')
    expect(await printed('migrate', '--down', '2', '--yes')).toMatch(/taken back 0002[^]*taken back 0001/)
    expect(await target.tableNames()).toEqual([])
  })

  test('killed in the middle: the next run finishes, and nothing is in its way', async () => {
    await printed('generate')
    await printed('migrate')
    await printed('generate', '--with', 'deliver-at,archive')
    const busy = await openDatabase({ dialect: target.database.dialect, url: target.url })
    let child: ChildProcess | undefined
    await busy.transaction(async (query) => {
      // Without OUTBOXKIT_… of the test run: they would be taken for the configuration.
      // The second statement waits for this: the first is done.
      await query('select * from outbox_held')
      child = spawn(
        process.execPath,
        ['--import', import.meta.resolve('tsx'), join(repository, 'packages/cli/src/bin.ts'), 'migrate'],
        {
          cwd,
          env: { PATH: process.env['PATH'], TSX_TSCONFIG_PATH: join(repository, 'tsconfig.json') },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      const end = once(child, 'close')
      const texts: string[] = []
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (text: Buffer) => texts.push(text.toString()))
      await untilWaiting(target, () => (child?.exitCode == null ? undefined : texts.join('')))
      child.kill('SIGKILL')
      await end
    })
    await busy.close()
    const message = await printed('migrate')
    expect(message).toMatch(server === 'postgres' ? /^applied 0002[^;]*\n$/ : /resumed after 1 of them/)
    expect(await printed('generate')).toBe('Nothing to do.\n')
    const [row] = await target.database.query('select count(*) as n from outbox_archive')
    expect(Number(row?.['n'])).toBe(0)
  })
})

/** Until a change of the held table waits for a lock. `ended`: what was printed by a process that has ended before. */
async function untilWaiting({ database }: TestDatabase, ended: () => string | undefined): Promise<void> {
  const waiting =
    database.dialect === 'postgres'
      ? "select 1 from pg_locks l where not l.granted and l.relation = to_regclass('outbox_held')"
      : "select 1 from information_schema.processlist where state like 'Waiting for table metadata lock' and info like 'alter table%outbox_held%' and db = database()"
  for (let tries = 0; tries < 1_500; tries++) {
    if ((await database.query(waiting)).length > 0) return
    const printed = ended()
    if (printed !== undefined) throw new Error(`The process has ended: ${printed}`)
    await sleep(20)
  }
  throw new Error('No change has begun to wait.')
}
