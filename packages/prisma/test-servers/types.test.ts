import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { generateClient } from './support/generate.js'
import { targets, type Target } from './support/targets.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../test-types')
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

function compile(project: string, ...flags: string[]): Promise<{ code: number; text: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [tsc, '-p', resolve(folder, project), '--pretty', 'false', ...flags],
      (error, stdout, stderr) =>
        done({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    )
  })
}

async function instantiations(project: string): Promise<number> {
  const { code, text } = await compile(project, '--extendedDiagnostics')
  expect(text.match(/error TS.*/g) ?? []).toEqual([])
  expect(code).toBe(0)
  return Number(/^Instantiations:\s+(\d+)/m.exec(text)?.[1])
}

const projects: readonly { target: Target; project: string }[] = [
  { target: targets['prisma 7, prisma-client'], project: 'tsconfig.json' },
  { target: targets['prisma 7, prisma-client, mysql'], project: 'mysql/tsconfig.json' },
  { target: targets['prisma 7, prisma-client-js'], project: 'tsconfig.7-js.json' },
  { target: targets['prisma 6.16, prisma-client'], project: 'tsconfig.6.json' },
  { target: targets['prisma 6.16, prisma-client-js'], project: 'tsconfig.6-js.json' },
  { target: targets['prisma 6.16, library engine'], project: 'tsconfig.6-library.json' },
]

// A compiler run takes seconds, and more on a busy machine.
describe('types', { timeout: 180_000 }, () => {
  test.for(projects)('of $target.name ($target.provider)', async ({ target, project }) => {
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

  test('withOutbox costs at most a tenth of the instantiations of an application on 100 models', async () => {
    await generateClient(targets['prisma 7, 100 models'])
    // Users get declarations: the sources of the package are not theirs to check.
    expect(await compile('tsconfig.declarations.json')).toEqual({ code: 0, text: '' })
    const plain = await instantiations(application('plain', 'declare const db: PrismaClient', ''))
    const wrapped = await instantiations(
      application(
        'wrapped',
        `import { withOutbox } from '@outboxkit/prisma'
declare const client: PrismaClient
const db = withOutbox(client)`,
        "await tx.emit({ aggregateType: 'm', aggregateId: created.id, type: 'm.made', payload: {} })",
      ),
    )
    expect(plain).toBeGreaterThan(10_000)
    expect(wrapped / plain).toBeLessThanOrEqual(1.1)
  })
})

/** Writes a program with a service for each of twenty models; returns its tsconfig. */
function application(name: string, client: string, emit: string): string {
  const service = (index: number): string => `
export async function service${index}(tx: Tx) {
  const created = await tx.m${index}.create({ data: { name: 'x', amount: 1 } })
  const found = await tx.m${index}.findMany({ where: { active: true }, include: { next: true } })
  ${emit}
  return { created, name: found[0]?.next?.name }
}
export const result${index} = db.$transaction((tx) => service${index}(tx))
`
  const source = `import type { PrismaClient } from '../client-100-models/client.js'
${client}
type Tx = Parameters<Parameters<typeof db.$transaction>[0]>[0]
${Array.from({ length: 20 }, (_, index) => service(index)).join('')}`
  const config = {
    extends: '../../../../tsconfig.base.json',
    compilerOptions: { paths: { '@outboxkit/*': ['../declarations/*/src/index.d.ts'] } },
    files: [`${name}.ts`],
  }
  const target = join(folder, '../generated/applications')
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, `${name}.ts`), source)
  writeFileSync(join(target, `tsconfig.${name}.json`), JSON.stringify(config))
  return join(target, `tsconfig.${name}.json`)
}
