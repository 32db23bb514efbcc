import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const project = join(root, 'packages/knex/test/types-oldest/tsconfig.json')

function compile(config: string, ...options: string[]): { status: number | null; output: string } {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', config, ...options], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, output: stdout }
}

test('the types have no error with the oldest Knex', () => {
  const { status, output } = compile(project, '--listFiles')
  expect(output).not.toContain('error TS')
  expect(status).toBe(0)
  const files = output.split('\n').filter((file) => file.includes('/knex/types/'))
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter((file) => !file.includes('orms/knex-oldest/'))).toEqual([])
})

test('and a planted error is reported', () => {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-types-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(
    join(folder, 'planted.mts'),
    `import { withOutbox } from '@outboxkit/knex'
import type { Knex } from 'knex'
declare const knex: Knex
void withOutbox(knex).transaction(async (trx) => {
  await trx.emit({ type: 'x', aggregateType: 'order', aggregateId: 1, payload: {} })
  void trx.emit({ type: 'x', aggregateType: 'order', payload: {} })
})
`,
  )
  const config = {
    extends: project,
    compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
    include: ['planted.mts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { status, output } = compile(join(folder, 'tsconfig.json'))
  expect(status).not.toBe(0)
  expect([...output.matchAll(/planted\.mts\((\d+),\d+\): error/g)].map(([, line]) => line)).toEqual(['6'])
})
