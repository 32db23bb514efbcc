import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { evaluateConfig } from '../../src/project/evaluate.js'
import { temporaryFolder } from '../init/run.js'

function evaluate(
  text: string,
  options: Partial<Parameters<typeof evaluateConfig>[0]> = {},
  name = 'knexfile.ts',
) {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, text)
  return evaluateConfig({ environment: { PATH: process.env['PATH'] }, ...options })(file)
}

describe('executing a configuration file', () => {
  it('gives what is needed and leaves the credentials behind', async () => {
    const text = `
      interface Settings { client: string }
      const base: Settings = { client: 'pg' }
      console.log('noise')
      export default {
        development: { ...base, connection: { password: 'secret' }, migrations: { directory: 'm', secret: 'secret' } },
        dialect: 'postgresql', dbCredentials: { url: 'secret' }, schema: ['a', 'b'], datasource: { url: 'secret' },
      }`
    expect(await evaluate(text)).toEqual({
      development: { client: 'pg', migrations: { directory: 'm' } },
      dialect: 'postgresql',
      schema: ['a', 'b'],
    })
  })

  it.each([
    ['a function', 'module.exports = async () => ({ client: process.env.KIND })', 'knexfile.js'],
    ['CommonJS', 'module.exports = { client: process.env.KIND }', 'knexfile.cjs'],
    ['a module', 'export default { client: await Promise.resolve(process.env.KIND) }', 'knexfile.mjs'],
  ])('loads %s, with the environment', async (_, text, name) => {
    expect(await evaluate(text, { environment: { KIND: 'pg' } }, name)).toEqual({ client: 'pg' })
  })

  it.each([
    ['throws', "throw new Error('DATABASE_URL is missing')"],
    ['imports what is not there', "import 'nowhere'\nexport default {}"],
    ['is no code', 'export default {'],
    ['ends the process', 'process.exit(0)'],
    ['exports nothing', 'const a = 1'],
    ['ends by a rejection', "export default () => Promise.reject(new Error('no'))"],
  ])('gives nothing for one that %s', async (_, text) => {
    expect((await evaluate(text)) ?? {}).toEqual({})
  })

  it('does not wait for ever, nor after the command was ended', async () => {
    const endless = 'export default () => new Promise(() => setInterval(() => undefined, 1000))'
    expect(await evaluate(endless, { timeoutMs: 700 })).toBeUndefined()
    const stop = new AbortController()
    const running = evaluate(endless, { signal: stop.signal })
    stop.abort()
    expect(await running).toBeUndefined()
  })
})
