import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { applyChanges, type FileChange } from '../../src/init/apply.js'
import { installCommand, readTree, writeTree, type Tree } from './tree.js'
import { run, temporaryFolder } from './run.js'

const schema = `datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

model Order {
  id Int @id
}
`
const prisma: Tree = {
  'package.json': '{ "name": "shop", "dependencies": { "@prisma/client": "^6.19.0" } }',
  'prisma/schema.prisma': schema,
}

function project(tree: Tree): string {
  const folder = temporaryFolder()
  writeTree(folder, tree)
  installCommand(folder)
  return folder
}

const read = (folder: string, path: string) => readFileSync(join(folder, path), 'utf8')

describe('a file that is appended to', () => {
  it.each([
    ['Windows line ends', schema.replaceAll('\n', '\r\n')],
    ['no line end at its end', schema.trimEnd()],
    ['Windows line ends and none at its end', schema.trimEnd().replaceAll('\n', '\r\n')],
    ['a byte order mark', `\uFEFF${schema}`],
    [
      'tabs',
      schema.replaceAll('  provider', '\tprovider').replaceAll('  url', '\turl').replaceAll('  id', '\tid'),
    ],
    ['four spaces', schema.replaceAll(/^ {2}/gm, '    ')],
    ['empty lines at its end', `${schema}\n\n\n`],
  ])('keeps what it has: %s', async (_, before) => {
    const folder = project({ ...prisma, 'prisma/schema.prisma': before })
    expect((await run(folder, ['init'])).code).toBe(0)
    const after = read(folder, 'prisma/schema.prisma')
    expect(after.startsWith(before)).toBe(true)

    const added = after.slice(before.length)
    expect(added).toContain('model OutboxEvent {')
    const windows = before.includes('\r\n')
    expect(
      added
        .split('\n')
        .slice(0, -1)
        .every((line) => line.endsWith('\r') === windows),
    ).toBe(true)
    expect(added.endsWith(windows ? '}\r\n' : '}\n')).toBe(true)
    // One empty line between theirs and ours, unless there was one.
    const gap = /[\r\n]*$/.exec(before)?.[0] + (/^[\r\n]*/.exec(added)?.[0] ?? '')
    expect(gap.replaceAll('\r', '').length).toBe(Math.max(2, /\n*$/.exec(before)?.[0].length ?? 0))
    const indent = /^([\t ]+)url/m.exec(before)?.[1]
    expect(/^([\t ]+)position/m.exec(added)?.[1]).toBe(indent)
  })

  it('keeps its mode, and a link to it stays a link', async () => {
    const folder = project({ 'package.json': prisma['package.json'] ?? '', 'shared/real.prisma': schema })
    mkdirSync(join(folder, 'prisma'))
    chmodSync(join(folder, 'shared/real.prisma'), 0o640)
    symlinkSync('../shared/real.prisma', join(folder, 'prisma/schema.prisma'))
    expect((await run(folder, ['init'])).code).toBe(0)
    expect(lstatSync(join(folder, 'prisma/schema.prisma')).isSymbolicLink()).toBe(true)
    expect(read(folder, 'shared/real.prisma')).toContain('model OutboxEvent')
    expect(statSync(join(folder, 'shared/real.prisma')).mode & 0o777).toBe(0o640)
  })
})

describe('what is outside of the project', () => {
  it('is not written through a link to a file', async () => {
    const outside = project({ 'schema.prisma': schema })
    const folder = project({ 'package.json': prisma['package.json'] ?? '' })
    mkdirSync(join(folder, 'prisma'))
    symlinkSync(join(outside, 'schema.prisma'), join(folder, 'prisma/schema.prisma'))
    const { code, stderr } = await run(folder, ['init'])
    expect(code).toBe(1)
    expect(stderr).toContain('outside of the project')
    expect(read(outside, 'schema.prisma')).toBe(schema)
    expect(existsSync(join(folder, 'outbox.config.js'))).toBe(false)
  })

  it('is not written through a link to a folder', async () => {
    const outside = project({})
    const folder = project(prisma)
    symlinkSync(outside, join(folder, 'prisma/migrations'))
    expect(await run(folder, ['init'])).toMatchObject({ code: 1 })
    expect(readTree(outside)).toEqual({})
    expect(read(folder, 'prisma/schema.prisma')).toBe(schema)
  })

  it.each([
    ['--out', '../elsewhere'],
    ['--schema', '../elsewhere/schema.prisma'],
    ['--config', '../outbox.config.ts'],
  ])('is not written because of %s', async (flag, path) => {
    const parent = project({ 'elsewhere/schema.prisma': schema })
    writeTree(join(parent, 'shop'), prisma)
    const before = readTree(parent)
    const { code, stderr } = await run(join(parent, 'shop'), ['init', flag, path])
    expect(code).toBeGreaterThan(0)
    expect(stderr).toMatch(/outside of/)
    expect(readTree(parent)).toEqual(before)
  })
})

describe('a configuration that is there', () => {
  it.each(['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json'])(
    'outbox.config.%s is not touched; the rest is done',
    async (extension) => {
      const text =
        extension === 'json'
          ? '{"table":{"name":"events"}}'
          : "module.exports = { table: { name: 'events' } }"
      const config =
        extension === 'mjs' || extension === 'mts' ? text.replace('module.exports =', 'export default') : text
      const folder = project({ ...prisma, [`outbox.config.${extension}`]: config })
      const { code, stdout } = await run(folder, ['init'])
      expect(code).toBe(0)
      expect(stdout).toContain(`kept      outbox.config.${extension} (it was there)`)
      expect(read(folder, `outbox.config.${extension}`)).toBe(config)
      // It also decides what the tables are called.
      expect(read(folder, 'prisma/schema.prisma')).toContain('@@map("events_lease")')
    },
  )

  it('decides although it does not load, as long as its text says which table is meant', async () => {
    const config = (table: string) =>
      `import x from './missing.js'\nexport default { table: ${table}, database: x }\n`
    const known = project({ ...prisma, 'outbox.config.mjs': config("{ name: 'events' }") })
    expect((await run(known, ['init'])).code).toBe(0)
    expect(read(known, 'prisma/schema.prisma')).toContain('@@map("events_held")')

    const unknown = project({ ...prisma, 'outbox.config.mjs': config('x.table') })
    const { code, stderr } = await run(unknown, ['init'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('does not load')])
    expect(read(unknown, 'prisma/schema.prisma')).toBe(schema)
  })
})

describe('a configuration that is there and', () => {
  const migration = (folder: string) => {
    const path = Object.keys(readTree(folder)).find((name) => name.endsWith('migration.sql'))
    return path === undefined ? undefined : read(folder, path)
  }

  it('cannot be loaded: what its text says of the tables is not lost', async () => {
    const more = "uniqueId: true }, migrations: { with: ['inbox'] } }"
    const config = `import './missing.js'\nexport default { table: { name: 'events', ${more}\n`
    const folder = project({ ...prisma, 'outbox.config.mjs': config })
    expect((await run(folder, ['init'])).code).toBe(0)
    expect(migration(folder)).toContain('create unique index')
    expect(migration(folder)).toContain('events_inbox')
  })

  it('wants more than the first migration has: that is a step of outboxkit generate', async () => {
    const folder = project({ ...prisma, 'outbox.config.json': '{}' })
    await run(folder, ['init'])
    writeFileSync(join(folder, 'outbox.config.json'), '{"migrations":{"with":["inbox"]}}')
    const before = readTree(folder)
    const { code, stdout } = await run(folder, ['init'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('Nothing to write.')])
    expect(readTree(folder)).toEqual(before)
  })

  it('is wrong: it is not guessed what was meant', async () => {
    const folder = project({ ...prisma, 'outbox.config.json': '{"tabel":{"name":"events"}}' })
    const { code, stderr } = await run(folder, ['init'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('table')])
    expect(migration(folder)).toBeUndefined()
  })

  it('has several outboxes: their migrations are those of outboxkit generate', async () => {
    const config = '{"outboxes":{"a":{"table":{"name":"a"}},"b":{"table":{"name":"b"}}}}'
    const folder = project({ ...prisma, 'outbox.config.json': config })
    const { code, stdout } = await run(folder, ['init'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('several outboxes: outboxkit generate')])
    expect(migration(folder)).toBeUndefined()
  })
})

describe('--config', () => {
  it('says where the configuration goes, and the next command where it is', async () => {
    const folder = project(prisma)
    const { stdout } = await run(folder, ['init', '--config', 'ops/events.config.mjs'])
    expect(stdout).toContain('created   ops/events.config.mjs')
    expect(stdout).toContain('npx outboxkit dev --config ops/events.config.mjs')
    expect(read(folder, 'ops/events.config.mjs')).toContain("schema: '../prisma/schema.prisma'")
    const again = await run(folder, ['init', '--config', 'ops/events.config.mjs'])
    expect(again.stdout).toMatch(
      /Nothing to write\.\n\n1\. [^]*npx outboxkit dev --config ops\/events\.config\.mjs/,
    )
  })

  it('is refused for what cannot be loaded', async () => {
    const { code, stderr } = await run(project(prisma), ['init', '--config', 'outbox.yaml'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('must end in .ts')])
  })
})

describe('--dry-run', () => {
  it('prints a diff that git applies to the same result', async () => {
    const { execFileSync } = await import('node:child_process')
    const folder = project({ ...prisma, 'prisma/schema.prisma': schema.trimEnd() })
    const { stdout } = await run(folder, ['init', '--dry-run'])
    const patch = stdout.slice(stdout.indexOf('--- '), stdout.indexOf('Nothing was written'))
    writeFileSync(join(folder, 'p'), `${patch.trimEnd()}\n`)
    execFileSync('git', ['apply', '--unsafe-paths', 'p'], { cwd: folder })
    rmSync(join(folder, 'p'))
    expect(await run(folder, ['init'])).toMatchObject({
      stdout: expect.stringContaining('Nothing to write.'),
    })
  })

  it('is in the JSON', async () => {
    const folder = project(prisma)
    const { stdout } = await run(folder, ['init', '--dry-run', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      orm: 'prisma',
      database: 'postgres',
      dryRun: true,
      created: [
        'outbox.config.js',
        expect.stringMatching(/^prisma\/migrations\/\d{14}_outbox\/migration\.sql$/),
      ],
      appended: ['prisma/schema.prisma'],
      diff: expect.stringContaining('+++ b/prisma/schema.prisma'),
    })
    expect(readTree(folder)).toEqual(prisma)
  })
})

describe('all changes or none', () => {
  const create = (path: string): FileChange => ({ path, mode: 'create', content: 'new\n', before: undefined })
  const append = (path: string, before: string): FileChange => ({
    path,
    mode: 'append',
    content: 'more\n',
    before,
  })

  /** As somebody who may not write everything: the tests may run as root. */
  function asOther(work: () => void): void {
    if (process.seteuid === undefined || process.getuid?.() !== 0) return work()
    process.seteuid(65_534)
    try {
      work()
    } finally {
      process.seteuid(0)
    }
  }

  it('takes back what was done before a file that may not be written', () => {
    const folder = project({ 'a.txt': 'a\n', 'closed/b.txt': 'b\n' })
    chmodSync(folder, 0o777)
    chmodSync(join(folder, 'a.txt'), 0o666)
    chmodSync(join(folder, 'closed'), 0o555)
    onTestFinished(() => chmodSync(join(folder, 'closed'), 0o755))
    const before = readTree(folder)
    const changes = [
      create(join(folder, 'deep/er/new.txt')),
      append(join(folder, 'a.txt'), 'a\n'),
      create(join(folder, 'closed/new.txt')),
    ]
    asOther(() => {
      expect(() => applyChanges(folder, changes)).toThrow(
        expect.objectContaining({
          code: 'OUTBOX_MIGRATION_FAILED',
          message: expect.stringMatching(
            /closed\/new\.txt cannot be written\. This user may not write it\. Nothing was changed\.$/,
          ),
        }),
      )
    })
    expect(readTree(folder)).toEqual(before)
    expect(existsSync(join(folder, 'deep'))).toBe(false)
  })

  it('refuses a read-only file before anything is written', () => {
    const folder = project({ 'a.txt': 'a\n' })
    chmodSync(folder, 0o777)
    chmodSync(join(folder, 'a.txt'), 0o444)
    asOther(() => {
      expect(() =>
        applyChanges(folder, [create(join(folder, 'b.txt')), append(join(folder, 'a.txt'), 'a\n')]),
      ).toThrow('cannot be appended to')
    })
    expect(readTree(folder)).toEqual({ 'a.txt': 'a\n' })
  })

  it('refuses what has changed since it was looked at, and what has appeared', () => {
    const folder = project({ 'a.txt': 'other\n', 'b.txt': 'mine\n' })
    expect(() => applyChanges(folder, [append(join(folder, 'a.txt'), 'a\n')])).toThrow(
      'changed in the meantime',
    )
    expect(() => applyChanges(folder, [create(join(folder, 'b.txt'))])).toThrow('there already')
    symlinkSync('nowhere', join(folder, 'c.txt'))
    expect(() => applyChanges(folder, [create(join(folder, 'c.txt'))])).toThrow('there already')
    expect(() => applyChanges(folder, [create(join(folder, 'a.txt/c.txt'))])).toThrow(
      'A part of the path is a file',
    )
    expect(readTree(folder)).toEqual({ 'a.txt': 'other\n', 'b.txt': 'mine\n' })
  })
})
