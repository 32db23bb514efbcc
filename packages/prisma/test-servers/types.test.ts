import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { generateClient } from '../test-support/generate.js'
import { targets, type Target } from '../test-support/targets.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../test-types')
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

function compile(project: string, ...flags: string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [tsc, '-p', join(folder, project), '--pretty', 'false', ...flags],
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    )
  })
}

async function instantiations(project: string): Promise<number> {
  const { code, text } = await compile(project, '--extendedDiagnostics')
  expect(text.match(/error TS.*/g) ?? []).toEqual([])
  expect(code).toBe(0)
  return Number(/^Instantiations:\s+(\d+)/m.exec(text)?.[1])
}

const projects: readonly (readonly [target: Target, project: string])[] = [
  [targets['prisma 7, prisma-client'], 'tsconfig.json'],
  [targets['prisma 7, prisma-client-js'], 'tsconfig.7-js.json'],
  [targets['prisma 6.16, prisma-client'], 'tsconfig.6.json'],
  [targets['prisma 6.16, prisma-client-js'], 'tsconfig.6-js.json'],
  [targets['prisma 6.16, library engine'], 'tsconfig.6-library.json'],
]

describe('types', () => {
  test.for(projects)('of $0.name', async ([target, project]) => {
    await generateClient(target)
    expect(await compile(project)).toEqual({ code: 0, text: '' })
  })

  test('an error in the files is reported', async () => {
    await generateClient(targets['prisma 7, prisma-client'])
    const { code, text } = await compile('tsconfig.broken.json')
    expect(code).not.toBe(0)
    expect(text.match(/error TS\d+/g)).toHaveLength(1)
    expect(text).toContain('aggregateId')
  })

  test('withOutbox costs at most a tenth of the instantiations of 100 models', async () => {
    await generateClient(targets['prisma 7, 100 models'])
    const plain = await instantiations('tsconfig.100-plain.json')
    const wrapped = await instantiations('tsconfig.100.json')
    expect(plain).toBeGreaterThan(1000)
    expect(wrapped / plain).toBeLessThanOrEqual(1.1)
  })
})
