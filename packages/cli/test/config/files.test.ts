import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { folderWith } from '../support/folder.js'

const url = 'postgres://u:p@localhost:5432/db'
const program = `
import { readFileSync } from 'node:fs'
import { names } from './names'
import { other } from './other.js'
enum Payload { json = 'json', bytes = 'bytes' }
const here: string = readFileSync(new URL('./names.ts', import.meta.url), 'utf8')
const waited = await Promise.resolve(other)
export default { database: { url: '${url}' }, table: { name: names.table, payload: Payload.bytes, schema: waited + here.length } } satisfies object
`
const names = `export const names: { table: string } = { table: 'orders_outbox' }\n`

describe('the configuration file', () => {
  it.each([
    ['TypeScript in an ES module package', 'outbox.config.ts', 'module'],
    ['TypeScript in a CommonJS package', 'outbox.config.ts', 'commonjs'],
    ['.mts in a CommonJS package', 'outbox.config.mts', 'commonjs'],
  ])(
    'loads with an enum, imports without and with an ending, and top-level await: %s',
    async (_, file, type) => {
      const cwd = folderWith({
        'package.json': JSON.stringify({ type }),
        [file]: program,
        'names.ts': names,
        'other.ts': `export const other = 'schema_'\n`,
      })
      const { outboxes } = await loadConfig({ cwd, environment: {} })
      expect(outboxes[0]?.table).toEqual({
        name: 'orders_outbox',
        payload: 'bytes',
        schema: `schema_${names.length}`,
        uniqueId: false,
      })
    },
  )

  it.each([
    ['outbox.config.js', 'module', `export default { database: { url: '${url}' } }`],
    ['outbox.config.js', 'commonjs', `module.exports = { database: { url: '${url}' } }`],
    ['outbox.config.cjs', 'module', `module.exports = { database: { url: '${url}' } }`],
    ['outbox.config.mjs', 'commonjs', `export default { database: { url: '${url}' } }`],
    [
      'outbox.config.cts',
      'module',
      `const config: object = { database: { url: '${url}' } }\nexport = config`,
    ],
    ['outbox.config.json', 'module', `{ "$schema": "x", "database": { "url": "${url}" } }`],
  ])('%s in a package of type %s', async (file, type, text) => {
    const cwd = folderWith({ 'package.json': JSON.stringify({ type }), [file]: text })
    const config = await loadConfig({ cwd, environment: {} })
    expect(config.file).toBe(join(cwd, file))
    expect(config.outboxes[0]?.database).toMatchObject({ dialect: 'postgres', url })
  })

  it("follows the path aliases of the project's tsconfig.json", async () => {
    const cwd = folderWith({
      'package.json': '{}',
      'tsconfig.json': JSON.stringify({ compilerOptions: { paths: { '~/*': ['./src/*'] } } }),
      'src/table.ts': `export const table = { name: 'aliased' }`,
      'outbox.config.ts': `import { table } from '~/table'\nexport default { database: { url: '${url}' }, table }`,
    })
    expect((await loadConfig({ cwd, environment: {} })).outboxes[0]?.table.name).toBe('aliased')
  })

  it('is found from a folder below, up to the root of the workspace and no further', async () => {
    const text = JSON.stringify({ database: { url } })
    const root = folderWith({
      'outbox.config.json': text,
      'repository/.git/HEAD': '',
      'repository/outbox.config.json': text,
      'repository/packages/a/package.json': '{}',
      'other/package.json': '{}',
      'other/deep/down/x': '',
    })
    const found = await loadConfig({ cwd: join(root, 'repository/packages/a'), environment: {} })
    expect(found.file).toBe(join(root, 'repository/outbox.config.json'))
    expect(found.folder).toBe(join(root, 'repository'))
    const environment = { OUTBOXKIT_DATABASE_URL: url }
    expect((await loadConfig({ cwd: join(root, 'other/deep/down'), environment })).file).toBeUndefined()
  })

  it('is the one that is named, by flag or variable', async () => {
    const cwd = folderWith({
      'outbox.config.json': '{ "nonsense": 1 }',
      'conf/a.json': JSON.stringify({ database: { url }, table: { name: 'a' } }),
    })
    const byFlag = await loadConfig({ cwd, environment: {}, file: 'conf/a.json' })
    const byVariable = await loadConfig({ cwd, environment: { OUTBOXKIT_CONFIG: 'conf/a.json' } })
    expect([byFlag, byVariable].map(({ outboxes }) => outboxes[0]?.table.name)).toEqual(['a', 'a'])
  })

  it.each(['{ "password": S3cretPw }', 'S3cretPw', '{ "password": "S3cretPw", }', '{ "password": "S3cretPw'])(
    'JSON with a mistake beside a password does not show it: %s',
    async (text) => {
      const cwd = folderWith({ 'broken.json': text })
      const error = await loadConfig({ cwd, environment: {}, file: 'broken.json' }).catch(
        (thrown: unknown) => thrown as Error,
      )
      expect(error).toMatchObject({ code: 'OUTBOX_CONFIG_INVALID' })
      for (let one: unknown = error; one instanceof Error; one = one.cause)
        expect(one.stack).not.toMatch(/S3|word/)
    },
  )

  it.each([
    ['a file that is not there', { file: 'gone.ts' }, /gone\.ts does not exist/],
    ['two files', {}, /two configuration files.*outbox\.config\.mjs.*outbox\.config\.json.*--config/],
    ['a file that throws', { file: 'throws.ts' }, /throws\.ts does not load: no such luck/],
    ['a file that is not a program', { file: 'broken.ts' }, /broken\.ts does not load: /],
    ['a file without an object', { file: 'number.mjs' }, /must export an object/],
    ['JSON that is none', { file: 'broken.json' }, /broken\.json does not load: /],
  ])('%s is an error that says so', async (_, options, message) => {
    const cwd = folderWith({
      'outbox.config.mjs': 'export default {}',
      'outbox.config.json': '{}',
      'throws.ts': `throw new Error('no such luck')`,
      'broken.ts': 'export default {{',
      'number.mjs': 'export default 3',
      'broken.json': '{',
    })
    const failed = loadConfig({ cwd, environment: {}, ...options })
    await expect(failed).rejects.toMatchObject({
      code: 'OUTBOX_CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    })
  })
})
