import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { installCommand, readTree, replaceTree } from './tree.js'
import { run, temporaryFolder } from './run.js'

// One folder for each kind of project: `before`, `after`, what is printed, and in run.json how it is called.
// UPDATE_FIXTURES=1 npx vitest run --project unit packages/cli/test/init/layouts.test.ts
// writes `after` and `output.txt` anew; read the difference before it is committed.
const layouts = join(import.meta.dirname, '../fixtures/init')
const isUpdate = process.env['UPDATE_FIXTURES'] !== undefined

/** Without a configuration and a migration: the command says what is missing. */
const refused = ['nothing', 'two-orms', 'sqlite']

// Migrations carry the time in their names.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-02T03:04:05Z') }))
afterEach(() => void vi.useRealTimers())

describe.each(readdirSync(layouts))('outboxkit init in the project %s', (layout) => {
  const fixture = (name: string) => join(layouts, layout, name)
  const { arguments: more = [], folder = '.' } = JSON.parse(
    existsSync(fixture('run.json')) ? readFileSync(fixture('run.json'), 'utf8') : '{}',
  ) as { arguments?: string[]; folder?: string }

  it('writes what is in `after`, says so, and then has nothing to do', async () => {
    const project = temporaryFolder()
    cpSync(fixture('before'), project, { recursive: true })
    installCommand(project)
    const cwd = join(project, folder)

    const dry = await run(cwd, ['init', '--dry-run', ...more])
    expect(readTree(project)).toEqual(readTree(fixture('before')))

    const first = await run(cwd, ['init', ...more])
    const printed = `${first.stdout}${first.stderr}`.replaceAll(project, '/project')
    if (isUpdate) {
      replaceTree(fixture('after'), readTree(project))
      writeFileSync(fixture('output.txt'), printed)
    }
    expect(readTree(project)).toEqual(readTree(fixture('after')))
    expect(printed).toBe(readFileSync(fixture('output.txt'), 'utf8'))
    expect(first.code).toBe(refused.includes(layout) ? 2 : 0)
    expect(dry.code).toBe(first.code)

    const second = await run(cwd, ['init', ...more])
    expect(readTree(project)).toEqual(readTree(fixture('after')))
    expect(second.code).toBe(first.code)
    expect(second.stdout.includes('Nothing to write.')).toBe(first.code === 0)
  })
})
