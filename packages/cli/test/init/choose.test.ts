import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { QuestionsLeft, terminalAsk, type Ask, type AskOption } from '../../src/init/ask.js'
import { applyChanges } from '../../src/init/apply.js'
import { prepareInit, type InitRequest } from '../../src/init/init.js'
import { diskFiles } from '../../src/project/files.js'
import { memoryFiles } from '../project/memory-files.js'
import { readTree, writeTree } from './tree.js'
import { run, temporaryFolder } from './run.js'

const knexfile = "module.exports = { client: 'pg' }"
const drizzleConfig = "module.exports = { dialect: 'mysql', schema: './schema.ts' }"

/** Answers with the option or text that is given, and keeps the questions. */
function answering(...answers: readonly string[]) {
  const questions: string[] = []
  const left = [...answers]
  const ask: Ask = {
    select: <T>(question: string, options: readonly AskOption<T>[]) => {
      questions.push(`${question} ${options.map(({ label }) => label).join(' | ')}`)
      const wanted = left.shift()
      const option = options.find(({ label }) => label === wanted)
      if (option === undefined) throw new Error(`No option ${wanted}: ${questions.at(-1)}`)
      return Promise.resolve(option.value)
    },
    text: (question, usual) => {
      questions.push(`${question} ${usual}`)
      return Promise.resolve(left.shift() ?? usual)
    },
  }
  return { ask, questions }
}

const prepare = (tree: Record<string, string>, request: Partial<InitRequest> = {}) =>
  prepareInit({ cwd: '/p', environment: {}, files: memoryFiles(tree), ...request })

describe('a person is asked', () => {
  it('nothing, where the project says everything', async () => {
    const { ask, questions } = answering()
    await prepare({ '/p/knexfile.js': knexfile, '/p/package.json': '{}' }, { ask })
    expect(questions).toEqual([])
  })

  it('which of two ORMs', async () => {
    const { ask, questions } = answering('Drizzle')
    const tree = {
      '/p/package.json': '{}',
      '/p/knexfile.js': knexfile,
      '/p/drizzle.config.js': drizzleConfig,
    }
    const { choice, changes } = await prepare(tree, { ask })
    expect(questions).toEqual(['Which one writes the migration? Drizzle | Knex'])
    expect([choice.tool, choice.database]).toEqual(['drizzle', 'mysql'])
    expect(changes.map(({ path }) => path)).toEqual(['/p/outbox.config.js', '/p/schema.ts'])
  })

  it('which of two packages', async () => {
    const { ask, questions } = answering('Knex in b')
    const member = { client: 'module.exports = { client: "mysql2" }' }
    const tree = {
      '/p/package.json': '{"workspaces":["*"]}',
      '/p/a/package.json': '{}',
      '/p/a/knexfile.js': knexfile,
      '/p/b/package.json': '{}',
      '/p/b/knexfile.js': member.client,
    }
    const { choice } = await prepare(tree, { ask })
    expect(questions).toEqual(['Which one writes the migration? Knex in a | Knex in b'])
    expect([choice.style.folder, choice.database]).toEqual(['/p/b', 'mysql'])
    await expect(prepare(tree)).rejects.toThrow(/Knex in a, Knex in b\. Run outboxkit init in the folder/)
  })

  it('for the tool and the database, where nothing says them', async () => {
    const { ask, questions } = answering('Plain SQL, applied by outboxkit migrate', 'MariaDB')
    const { choice } = await prepare({ '/p/package.json': '{}' }, { ask })
    expect(questions).toHaveLength(2)
    expect([choice.tool, choice.database]).toEqual(['sql', 'mariadb'])
  })

  it('for the Prisma schema and the file of tables, where they cannot be found', async () => {
    const schema = 'datasource db {\n  provider = "postgresql"\n}\n'
    const prisma = answering('db/main.prisma', 'PostgreSQL')
    const tree = {
      '/p/package.json': '{"dependencies":{"@prisma/client":"7","pg":"8"}}',
      '/p/db/main.prisma': schema,
    }
    const { choice } = await prepare(tree, { ask: prisma.ask })
    expect(choice.schema).toBe('/p/db/main.prisma')
    expect(prisma.questions).toEqual(['Where is the Prisma schema? prisma/schema.prisma'])

    const drizzle = answering()
    const other = { '/p/package.json': '{"dependencies":{"drizzle-orm":"1","pg":"8"}}' }
    expect((await prepare(other, { ask: drizzle.ask })).choice.schema).toBe('/p/db/outbox.ts')
    expect(drizzle.questions).toHaveLength(1)
  })
})

describe('where nobody can be asked', () => {
  it.each([
    [{ '/p/package.json': '{}' }, '--orm prisma|drizzle|knex|sql'],
    [{ '/x': '' }, 'There is no package.json in /p or above it'],
    [{ '/p/package.json': '{"dependencies":{"knex":"3"}}' }, '--database postgres, --database mysql'],
    [{ '/p/package.json': '{"dependencies":{"@prisma/client":"7","pg":"8"}}' }, '--schema'],
    [
      { '/p/package.json': '{}', '/p/knexfile.js': knexfile, '/p/drizzle.config.js': drizzleConfig },
      '--orm drizzle or --orm knex',
    ],
  ])('the flag is named: %j', async (tree, flag) => {
    await expect(prepare(tree)).rejects.toMatchObject({
      code: 'OUTBOX_OPTION_INVALID',
      message: expect.stringContaining(flag),
    })
  })

  it('flags are enough', async () => {
    const { choice, changes } = await prepare(
      { '/x': '' },
      { flags: { orm: 'knex', database: 'mariadb', out: '/p/m' } },
    )
    expect([choice.tool, choice.database]).toEqual(['knex', 'mariadb'])
    expect(changes.map(({ path }) => path)).toEqual([
      '/p/outbox.config.json',
      expect.stringMatching(/^\/p\/m\/\d+_outbox\.js$/),
    ])
  })

  it('--schema is refused for what has none', async () => {
    const tree = { '/p/package.json': '{}', '/p/knexfile.js': knexfile }
    await expect(prepare(tree, { flags: { orm: 'knex', schema: '/p/x.ts' } })).rejects.toThrow(
      '--schema is for Prisma',
    )
  })

  it.each([[['--orm', 'typeorm']], [['--database', 'oracle']], [['--nonsense']]])(
    'a wrong flag is a usage error: %j',
    async (argv) => {
      const { code, stderr } = await run(temporaryFolder(), ['init', ...argv])
      expect(code).toBe(2)
      expect(stderr).toContain('usage: outboxkit init')
    },
  )
})

describe('questions on a terminal', () => {
  /** A terminal that a person types into. */
  function terminal() {
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input })
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    const shown: string[] = []
    output.on('data', (chunk) => shown.push(String(chunk)))
    onTestFinished(() => void input.destroy())
    return { ask: terminalAsk({ input, output }), type: (keys: string) => input.write(keys), shown }
  }

  it('are answered with the arrows and Enter', async () => {
    const { ask, type, shown } = terminal()
    const answer = ask.select('Which database?', [
      { value: 'a', label: 'PostgreSQL' },
      { value: 'b', label: 'MySQL' },
    ])
    await vi.waitFor(() => expect(shown.join('')).toContain('MySQL'), { timeout: 30_000 })
    type('\u001B[B')
    type('\r')
    await expect(answer).resolves.toBe('b')
  })

  it('take what is usual for Enter alone, else what is typed', async () => {
    const first = terminal()
    const usual = first.ask.text('Where?', 'src/x.ts')
    await vi.waitFor(() => expect(first.shown.join('')).toContain('Where?'), { timeout: 30_000 })
    first.type('\r')
    await expect(usual).resolves.toBe('src/x.ts')

    const second = terminal()
    const typed = second.ask.text('Where?', 'src/x.ts')
    await vi.waitFor(() => expect(second.shown.join('')).toContain('Where?'), { timeout: 30_000 })
    second.type('a.ts')
    second.type('\r')
    await expect(typed).resolves.toBe('a.ts')
  })

  it('are left with Ctrl-C', async () => {
    const { ask, type, shown } = terminal()
    const answer = ask.select('Which one?', [{ value: 1, label: 'One' }])
    await vi.waitFor(() => expect(shown.join('')).toContain('Which one?'), { timeout: 30_000 })
    type('\u0003')
    await expect(answer).rejects.toBeInstanceOf(QuestionsLeft)
  })
})

describe('secrets', () => {
  it('of .env and of configuration files are neither printed nor copied', async () => {
    const secret = 'sEcr3t-pw'
    const url = `postgres://shop:${secret}@db.example/shop`
    const folder = temporaryFolder()
    writeTree(folder, {
      'package.json': '{"type":"module","dependencies":{"knex":"3","dotenv":"17"}}',
      '.env': `DATABASE_URL=${url}\n`,
      'knexfile.js': `const kind = ['p', 'g'].join('')\nexport default { client: kind, connection: '${url}' }\n`,
    })
    const outputs = [
      await run(folder, ['init', '--dry-run', '--json'], { DATABASE_URL: url }),
      await run(folder, ['init'], { DATABASE_URL: url }),
    ]
    expect(outputs.map(({ code }) => code)).toEqual([0, 0])
    const { '.env': _env, 'knexfile.js': _knexfile, ...written } = readTree(folder)
    expect(Object.keys(written)).toHaveLength(3)
    expect(JSON.stringify([outputs, written])).not.toContain(secret)
  })
})

it('what is prepared can be applied by a program of its own', async () => {
  const folder = temporaryFolder()
  writeTree(folder, { 'package.json': '{}', 'knexfile.js': knexfile })
  const { project, changes } = await prepareInit({ cwd: folder, environment: {}, files: diskFiles })
  applyChanges(project.root, changes)
  expect(Object.keys(readTree(folder))).toHaveLength(4)
})
