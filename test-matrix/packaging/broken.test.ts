import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../tools/checks.js'

/** A folder with one fault in it, outside of the checkout. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outboxkit-broken-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, name, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return join(folder, name)
}

function run(cwd: string, program: string, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', program), ...args],
    {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    },
  )
  return { code: status, output: stdout + stderr }
}

/** `npm run check` runs these programs with these configurations; each must notice its fault. */
describe('a broken repository is noticed', () => {
  it('a floating promise, by oxlint with our configuration', () => {
    const cwd = write('floating', {
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "target": "es2022" }, "include": ["*.ts"] }',
      'a.ts': 'declare function emit(): Promise<string>\nexport function place(): void {\n  emit()\n}\n',
    })
    copyFileSync(join(root, '.oxlintrc.json'), join(cwd, '.oxlintrc.json'))
    const { code, output } = run(cwd, 'oxlint/bin/oxlint', '--deny-warnings')
    expect(code, output).not.toBe(0)
    expect(output).toContain('no-floating-promises')
  })

  it('an export that leads to no file, by publint', () => {
    const cwd = write('export', {
      'package.json': '{ "name": "x", "version": "1.0.0", "type": "module", "exports": "./dist/index.js" }',
    })
    expect(run(cwd, 'publint/src/cli.js', '--strict', '.').code).not.toBe(0)
  })

  it('types of the wrong module kind, by attw', () => {
    const cwd = write('types', {
      'package.json':
        '{ "name": "x", "version": "1.0.0", "exports": { "types": "./index.d.ts", "import": "./index.js", "require": "./index.cjs" }, "type": "module" }',
      'index.js': 'export const a = 1',
      'index.cjs': 'exports.a = 1',
      'index.d.ts': 'export declare const a: number',
    })
    expect(
      run(cwd, '@arethetypeswrong/cli/dist/index.js', '--pack', '.', '--profile', 'node16').code,
    ).not.toBe(0)
  })

  it('an unused export, by knip', () => {
    const cwd = write('unused', {
      'package.json': '{ "name": "x", "type": "module" }',
      'knip.json': '{ "entry": ["index.ts"], "project": ["*.ts"] }',
      'index.ts': "import { used } from './other.ts'\nconsole.log(used)\n",
      'other.ts': 'export const used = 1\nexport const unused = 2\n',
    })
    const { code, output } = run(cwd, 'knip/bin/knip.js', '--no-progress')
    expect(code, output).not.toBe(0)
    expect(output).toContain('unused')
  })
})
