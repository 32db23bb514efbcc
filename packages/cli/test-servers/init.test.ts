import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { resolveSchema } from '@outboxkit/core'
import { withOutbox } from '@outboxkit/knex'
import knex from 'knex'
import { expect, test } from 'vitest'
import { compareSchema, readSchema } from '../src/index.js'
import { run, temporaryFolder } from '../test/init/run.js'
import { installCommand, readTree, writeTree } from '../test/init/tree.js'
import { freshTestDatabase, servers } from './schema-support.js'

const repository = resolve(import.meta.dirname, '../../..')

test.each(servers)(
  'a new project on %s: init, then Knex’s own command, then the first event',
  async (server) => {
    await using target = await freshTestDatabase(server, 'init')
    const folder = temporaryFolder()
    const isPostgres = server === 'postgres'
    const client = isPostgres ? 'pg' : 'mysql2'
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['knex', client])
      symlinkSync(join(repository, 'node_modules', name), join(folder, 'node_modules', name))
    writeTree(folder, {
      'package.json': JSON.stringify({ type: 'module', dependencies: { knex: '3', [client]: '8' } }),
      'knexfile.js': `export default { client: '${client}', connection: process.env.DATABASE_URL, migrations: { directory: 'db/steps' } }\n`,
    })
    // Nothing has to be built for this test.
    installCommand(folder)
    const environment = { DATABASE_URL: target.url }

    const { code, stdout } = await run(folder, ['init'], environment)
    expect(code).toBe(0)
    expect(Object.keys(readTree(folder)).sort()).toEqual([
      expect.stringMatching(/^db\/steps\/\d{14}_outbox\.js$/),
      'knexfile.js',
      'outbox.config.js',
      'package.json',
    ])

    // The command that was printed.
    expect(stdout).toContain('npx knex migrate:latest\n')
    const command = createRequire(import.meta.url).resolve('knex/bin/cli.js')
    await promisify(execFile)(process.execPath, [command, 'migrate:latest'], {
      cwd: folder,
      env: { ...process.env, ...environment },
    })
    const wanted = resolveSchema(isPostgres ? 'postgres' : 'mysql')
    expect(
      compareSchema(
        isPostgres ? 'postgres' : 'mysql',
        await readSchema(target.database, wanted.table),
        wanted,
      ),
    ).toEqual([])

    const db = withOutbox(knex({ client, connection: target.url }))
    try {
      await db.transaction((trx) =>
        trx.emit({ aggregateType: 'order', aggregateId: 1, type: 'order.placed', payload: { total: 12 } }),
      )
    } finally {
      await db.destroy()
    }
    expect(await target.database.query('select type from outbox')).toEqual([{ type: 'order.placed' }])

    // The configuration that was written loads, and says the same as the migration.
    const again = await run(folder, ['init'], environment)
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to write.') })
    const generate = await run(folder, ['generate', '--dry-run'], environment)
    expect(generate).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to do.') })
  },
)
