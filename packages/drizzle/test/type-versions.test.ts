import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')

function compile(project: string, ...options: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', project, ...options], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-types-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A project with the settings of `version` and one file more, which must not compile. */
function plant(version: string, code: string): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'planted.mts'), code)
  const config = {
    extends: join(root, 'packages/drizzle/test-types', version, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
    include: ['planted.mts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return folder
}

/** A project with the settings of `version` that has the bundled declarations in the place of the sources. */
function bundled(version: string, declarations: string): string {
  const folder = temporaryFolder()
  const own = join(root, 'packages/drizzle/test-types', version, 'tsconfig.json')
  const { compilerOptions } = JSON.parse(readFileSync(own, 'utf8')) as {
    compilerOptions: { paths: Record<string, string[]> }
  }
  const paths = Object.entries(compilerOptions.paths).map(([name, targets]): [string, string[]] => [
    name,
    targets.map((target) => join(own, '..', target)),
  ])
  const config = {
    extends: own,
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
      paths: { ...Object.fromEntries(paths), '@outboxkit/drizzle': [declarations] },
    },
    include: [
      join(root, 'packages/drizzle/test/handles.test-d.ts'),
      join(root, 'packages/drizzle/test/tables.test-d.ts'),
    ],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return folder
}

/** The declarations as they are published: in one file, from which a bundler has dropped what it thought unused. */
async function bundleDeclarations(): Promise<string> {
  const outDir = temporaryFolder()
  await build({
    config: false,
    silent: true,
    entry: [join(root, 'packages/drizzle/src/index.ts')],
    outDir,
    format: 'esm',
    tsconfig: join(root, 'packages/drizzle/tsconfig.json'),
    external: [/^@outboxkit/, /^drizzle-orm/],
    dts: { only: true, compilerOptions: { ignoreDeprecations: '6.0' } },
  })
  return join(outDir, 'index.d.ts')
}

const planted = `
import { drizzle } from 'drizzle-orm/node-postgres'
import { outboxTable, withOutbox } from '@outboxkit/drizzle'
const db = withOutbox(drizzle('postgres://unused'))
void db.transaction(async (tx) => {
  await tx.emit({ type: 'x', aggregateType: 'order', aggregateId: 1, payload: {} })
  await tx.emit({ type: 'x', aggregateType: 'order', payload: {} })
  void (await tx.select().from(outboxTable()))[0]!.nope
})
`

test('the bundled declarations are right with every version', async () => {
  const declarations = await bundleDeclarations()
  for (const version of ['oldest', 'next']) {
    const { output } = compile(bundled(version, declarations), '--listFiles')
    expect(output).not.toContain('error TS')
    expect(output).toContain(declarations)
    expect(output).not.toContain('packages/drizzle/src')
  }
})

describe.each(['oldest', 'next'])('the types with the %s Drizzle', (version) => {
  test('have no error', () => {
    const { status, output } = compile(`packages/drizzle/test-types/${version}`, '--listFiles')
    expect(output).not.toContain('error TS')
    expect(status).toBe(0)
    const drizzles = output.split('\n').filter((file) => file.includes('node_modules/drizzle-orm/'))
    expect(drizzles.length).toBeGreaterThan(50)
    expect(drizzles.filter((file) => !file.includes(`orms/drizzle-${version}/`))).toEqual([])
  })

  test('report a planted error', () => {
    const { status, output } = compile(plant(version, planted))
    expect(status).not.toBe(0)
    const errors = output.split('\n').filter((line) => line.includes('error TS'))
    expect(errors.map((line) => /planted\.mts\((\d+),/.exec(line)?.[1])).toEqual(['7', '8'])
  })
})
