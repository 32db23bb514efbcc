import { describe, expect, it } from 'vitest'
import { findHandle } from '../../src/project/handle.js'
import { memoryFiles } from './memory-files.js'

const find = (tree: Record<string, string>, orm: 'prisma' | 'drizzle' | 'knex' = 'prisma') =>
  findHandle(memoryFiles(tree), '/p', orm)

const client = "import { PrismaClient } from './generated'\n"

describe('where the handle is made', () => {
  it.each([
    [
      'prisma',
      `${client}export const db = new PrismaClient({ adapter: make(')') })\n`,
      "new PrismaClient({ adapter: make(')') })",
    ],
    [
      'drizzle',
      "import { drizzle } from 'drizzle-orm/postgres-js'\nconst db = drizzle({ client: sql })\n",
      'drizzle({ client: sql })',
    ],
    [
      'drizzle',
      "import { drizzle } from 'drizzle-orm/mysql2'\nlet db = drizzle<typeof schema>(pool)\n",
      'drizzle<typeof schema>(pool)',
    ],
    ['knex', "import Knex from 'knex'\nconst db: Knex = Knex(config)\n", 'Knex(config)'],
    ['knex', "const knex = require('knex')\nconst db = knex.knex(config)\n", 'knex.knex(config)'],
    ['knex', "const db = require('knex')(config)\n", "require('knex')(config)"],
  ] as const)('with %s: %j', (orm, text, expression) => {
    const found = find({ '/p/src/db.ts': text }, orm)
    expect(found?.expression).toBe(expression)
    expect(found?.name).toBe('db')
  })

  it('is named with its line and its declaration', () => {
    expect(find({ '/p/src/db.ts': `${client}\nexport const prisma = new PrismaClient()\n` })).toEqual({
      file: '/p/src/db.ts',
      line: 3,
      expression: 'new PrismaClient()',
      declaration: 'export const prisma = ',
      name: 'prisma',
    })
  })

  it('is named without its text where that spans several lines', () => {
    const found = find({ '/p/db.ts': `${client}const db = new PrismaClient({\n  adapter,\n})\n` })
    expect(found).toMatchObject({ line: 2, expression: undefined, name: 'db' })
  })

  it.each([
    '/p/node_modules/x/db.ts',
    '/p/dist/db.js',
    '/p/test/db.ts',
    '/p/src/db.test.ts',
    '/p/src/db.d.ts',
    '/p/prisma/seed.ts',
    '/p/prisma.config.ts',
    '/p/README.md',
  ])('is not looked for in %s', (path) => {
    expect(find({ [path]: `${client}const db = new PrismaClient()\n` })).toBeUndefined()
  })

  it('is neither one that is wrapped nor one in a comment', () => {
    expect(find({ '/p/a.ts': `${client}// const db = new PrismaClient()\n` })).toBeUndefined()
    expect(find({ '/p/a.ts': `${client}const db = withOutbox(new PrismaClient())\n` })).toBeUndefined()
  })
})
