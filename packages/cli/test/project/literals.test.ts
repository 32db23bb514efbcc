import { describe, expect, it } from 'vitest'
import { exportedLiteral, literalAt, stringAt, stringsAt, toLiteral } from '../../src/project/literals.js'

const kindOf = (text: string, ...keys: string[]) => literalAt(exportedLiteral(text), ...keys)?.kind

describe('what a configuration file says without being run', () => {
  it.each([
    ['an ES module', "export default { client: 'pg' }"],
    ['a helper', "import { defineConfig } from 'x'\nexport default defineConfig({ client: 'pg' })"],
    ['a helper with a type', "export default defineConfig<Config>({ client: 'pg' });"],
    ['CommonJS', 'module.exports = { "client": "pg", };'],
    ['TypeScript’s export =', "export = { client: 'pg' }"],
    ['a constant', "const config = { client: 'pg' }\nexport default config\nfunction f() {}"],
    [
      'a typed constant',
      'const config: { [key: string]: Knex.Config } = { client: `pg` };\n\nmodule.exports = config;',
    ],
    ['satisfies', "export default { client: 'pg' } satisfies Config"],
    ['as', "export default ({ client: ('pg' as const) } as Config)"],
    ['a key behind a spread', "export default { ...base, client: 'pg' }"],
    ['a constant within', "const client = 'pg'\nexport default { client }"],
    [
      'comments',
      "/* module.exports = { client: 'x' } */\nexport default {\n  // client: 'y',\n  client: 'pg', // z\n}",
    ],
    ['a URL before it', "const url = 'postgres://a//b' // c\nexport default { url, client: 'pg' }"],
    [
      'functions beside it',
      "export default { pool: { afterCreate(c, done) { done(null, { client: 'x' }) } }, log: (m) => ({ m }), client: 'pg' }",
    ],
    ['CRLF', "export default {\r\n  a: 1,\r\n  client: 'pg',\r\n}\r\n"],
    ['no line end', "export default { client: 'pg' }"],
    ['JSON', '{ "client": "pg" }'],
    ['a byte order mark', '\uFEFF{ "client": "pg" }'],
  ])('reads %s', (_, text) => {
    expect(stringAt(exportedLiteral(text), 'client')).toBe('pg')
  })

  it.each([
    ['a call', "export default { client: pick('pg') }"],
    ['an expression', "export default { client: 'p' + 'g' }"],
    ['a condition', "export default { client: isTest ? 'a' : 'b' }"],
    ['a condition on the next line', "export default {\n  client: isTest\n    ? 'a'\n    : 'b',\n}"],
    ['a template', 'export default { client: `${kind}` }'],
    ['a member', "export default { client: 'PG'.toLowerCase() }"],
    ['a spread', 'export default { ...base }'],
    ['a key before a spread', "export default { client: 'pg', ...base }"],
    ['a computed key', "export default { ['cli' + 'ent']: 'pg' }"],
    ['an import', "import { client } from './x'\nexport default { client }"],
    ['a circle', 'const client = client\nexport default { client }'],
    ['a method', 'export default { client() { return 1 } }'],
    ['a getter', 'export default { get client() { return 1 } }'],
    ['a function', "export default async () => ({ client: 'pg' })"],
    ['no export', "console.log('hello')"],
    ['nothing', ''],
    ['what ends too early', "export default { client: foo('pg'"],
  ])('does not claim to know %s', (_, text) => {
    expect(kindOf(text, 'client')).toBe('dynamic')
  })

  it.each([
    ['process.env.SHOP_URL'],
    ['process.env.SHOP_URL!'],
    ["process.env['SHOP_URL'] as string"],
    ["process.env.SHOP_URL ?? 'postgres://localhost'"],
    ["process.env.SHOP_URL || ''"],
    ["env('SHOP_URL')"],
  ])('names the variable of %s', (expression) => {
    expect(literalAt(exportedLiteral(`export default { url: ${expression}, b: 1 }`), 'url')).toEqual({
      kind: 'environment',
      name: 'SHOP_URL',
    })
  })

  it('reads paths that are put together, and goes on behind them', () => {
    const config = exportedLiteral(
      "export default { a: path.join(__dirname, 'prisma', 'schema'), b: join('x', '..', 'y'), c: path.join(root, 'z'), d: 'end' }",
    )
    expect([stringAt(config, 'a'), stringAt(config, 'b'), stringAt(config, 'd')]).toEqual([
      'prisma/schema',
      'y',
      'end',
    ])
    expect(literalAt(config, 'c')?.kind).toBe('dynamic')
  })

  it('reads lists, nested objects, escapes and numbers', () => {
    const config = exportedLiteral(
      String.raw`export default { list: ['a', "b", c], one: 'x', deep: { er: { n: 1_000 } }, text: 'it\'s\u0041\n' }`,
    )
    expect(stringsAt(config, 'list')).toEqual(['a', 'b'])
    expect(stringsAt(config, 'one')).toEqual(['x'])
    expect(literalAt(config, 'deep', 'er', 'n')).toEqual({ kind: 'value', value: 1000 })
    expect(stringAt(config, 'text')).toBe("it'sA\n")
  })

  it('knows what is surely not there', () => {
    expect(literalAt(exportedLiteral('export default { a: { b: 1 } }'), 'a', 'c')).toBeUndefined()
    expect(kindOf('export default { a: { ...b } }', 'a', 'c')).toBe('dynamic')
  })

  it('takes data that executing a file has given', () => {
    const literal = toLiteral({ a: [{ b: 'c' }], d: null, e: undefined })
    expect(literalAt(literal, 'a')).toMatchObject({ kind: 'list', items: [{ kind: 'object' }] })
    expect(literalAt(literal, 'd')).toEqual({ kind: 'value', value: null })
  })

  it('ends on whatever text, in time', () => {
    const pieces = [
      'export default ',
      '{',
      '}',
      '[',
      ']',
      '(',
      ')',
      "'",
      '`',
      ',',
      ':',
      '...',
      'a',
      '//',
      '/*',
      '\n',
      '=',
      'const a',
    ]
    for (let seed = 1; seed <= 400; seed += 1) {
      let state = seed
      const next = () => (state = (state * 48_271) % 2_147_483_647)
      const text = `export default {${Array.from({ length: 40 }, () => pieces[next() % pieces.length]).join('')}`
      expect(exportedLiteral(text)).toHaveProperty('kind')
    }
  })
})
