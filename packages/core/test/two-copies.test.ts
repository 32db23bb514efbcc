import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as core from '@outboxkit/core'
import { build, type BuildOptions } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FakeTransaction } from './fake-transaction.js'

type Core = typeof core

// An application may load both builds, one through import and one through require.
const folder = mkdtempSync(join(tmpdir(), 'outboxkit-copies-'))
let esm: Core
let cjs: Core

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../src/index.ts', import.meta.url))
  const options: BuildOptions = { entryPoints: [entry], bundle: true, platform: 'node', target: 'node20' }
  await build({ ...options, format: 'esm', outfile: join(folder, 'core.mjs') })
  await build({ ...options, format: 'cjs', outfile: join(folder, 'core.cjs') })
  esm = (await import(join(folder, 'core.mjs'))) as Core
  cjs = createRequire(import.meta.url)(join(folder, 'core.cjs')) as Core
})
afterAll(() => rmSync(folder, { recursive: true }))

test('are two classes, and know each other’s errors', () => {
  expect(esm.OutboxError).not.toBe(cjs.OutboxError)
  const error = new cjs.OutboxError('OUTBOX_EVENT_INVALID', 'x')
  expect(error).not.toBeInstanceOf(esm.OutboxError)
  expect(esm.isOutboxError(error)).toBe(true)
  expect(esm.isOutboxError(error, 'OUTBOX_EVENT_INVALID')).toBe(true)
  expect(esm.isOutboxError(error, 'OUTBOX_NO_TRANSACTION')).toBe(false)
  for (const other of [
    new Error('x'),
    undefined,
    null,
    'OUTBOX_EVENT_INVALID',
    { code: 'OUTBOX_EVENT_INVALID' },
  ])
    expect(esm.isOutboxError(other)).toBe(false)
})

test('find each other’s transactions', async () => {
  const handle = {}
  const trx = new FakeTransaction()
  const scope = new cjs.TransactionScope(new cjs.Outbox(), trx)
  cjs.markHandle(handle, scope)
  expect(esm.scopeOfHandle(handle)).toBe(scope)
  expect(Object.keys(handle)).toEqual([])
  await esm
    .scopeOfHandle(handle)
    ?.emit({ aggregateType: 'a', aggregateId: 1, type: 't', payload: 1 }, new esm.Outbox() as never)
  expect(trx.log).toEqual(['insert t'])
  for (const other of [undefined, null, 1, 'x', {}, () => undefined])
    expect(esm.scopeOfHandle(other)).toBeUndefined()
})

test('share one sequence of UUIDs', () => {
  const ids = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? esm : cjs).uuidv7())
  expect(ids).toEqual([...ids].sort())
})

test('need nothing but Node', () => {
  const script = `const { createEmit, ...core } = require(${JSON.stringify(join(folder, 'core.cjs'))}); console.log(typeof core.Outbox)`
  expect(execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' })).toBe('function\n')
})
