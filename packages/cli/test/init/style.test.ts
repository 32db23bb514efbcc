import { describe, expect, it } from 'vitest'
import { codeStyle, textStyle } from '../../src/init/style.js'
import { shellWord, withFlags, withManager } from '../../src/init/manager.js'

describe('the style of code', () => {
  it.each([
    ["import a from 'a'\n\nexport default {\n  b: 'c',\n}\n", "'x'", ''],
    ["import a from 'a';\n\nexport default {\n  b: 'c',\n};\n", "'x'", ';'],
    ["module.exports = {\n  b: 'c',\n  d: {\n    e: 1,\n  },\n};\n", "'x'", ';'],
    ['import a from "a"\r\nexport default { b: "it\'s" }\r\n', '"x"', ''],
    ['', "'x'", ''],
  ])('is that of %j', (code, quoted, end) => {
    const style = codeStyle(code)
    expect([style.q('x'), style.end]).toEqual([quoted, end])
  })

  it('quotes whatever a path may hold', () => {
    // oxlint-disable-next-line no-eval -- what JavaScript makes of it is the point
    for (const text of ["it's", 'a\\b', '"', 'ü']) expect(eval(codeStyle('').q(text))).toBe(text)
  })
})

it.each([
  ['{\n\ta\n\t\tb\n}', '\t'],
  ['{\n    a\n        b\n}', '    '],
  ['{\n  a\n  b\n}', '  '],
  ['', '  '],
])('one step of indentation of %j', (text, indent) => {
  expect(textStyle(text).indent).toBe(indent)
})

describe('commands', () => {
  it('are those of the package manager', () => {
    const text = 'npx drizzle-kit generate, then npx outboxkit generate'
    expect(withManager('pnpm', text)).toBe(
      'pnpm exec drizzle-kit generate, then pnpm exec outboxkit generate',
    )
    expect(withManager('yarn', 'npx knex migrate:latest')).toBe('yarn knex migrate:latest')
  })

  it('of the ORM say where its files are', () => {
    expect(withFlags('npx knex migrate:latest', ['--env', 'production'])).toBe(
      'npx knex migrate:latest --env production',
    )
    expect(withFlags('With prisma db push: npx prisma db push', ['--schema', 'a b/c'])).toBe(
      "With prisma db push: npx prisma db push --schema 'a b/c'",
    )
    expect(shellWord("it's")).toBe(String.raw`'it'\''s'`)
  })
})
