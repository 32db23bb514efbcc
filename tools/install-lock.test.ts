import { spawn, type ChildProcess } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { root } from './snippets.js'

let folder: string
let children: ChildProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outboxkit-install-'))
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly text: string
}

function start(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...env } })
  children.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, text })))
  return Object.assign(child, { ended })
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) await sleep(10)
  expect(condition()).toBe(true)
}

const log = (): string[] =>
  existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8').trim().split('\n') : []

/** A clone in which nothing is installed, with an npm that takes its time and installs a program that says hello. */
function freshClone(npm: string): NodeJS.ProcessEnv {
  mkdirSync(join(folder, 'tools'))
  mkdirSync(join(folder, 'bin'))
  for (const file of ['run.mjs', 'install-lock.mjs'])
    copyFileSync(join(root, 'tools', file), join(folder, 'tools', file))
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  writeFileSync(join(folder, 'bin', 'npm'), `#!${process.execPath}\n${npm}`, { mode: 0o755 })
  return { PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` }
}

const slowNpm = `
const { appendFileSync, mkdirSync, rmSync, writeFileSync } = require('node:fs')
const log = (text) => appendFileSync('log', text + '\\n')
log('begin')
rmSync('node_modules', { recursive: true, force: true })
setTimeout(() => {
  mkdirSync('node_modules/vitest', { recursive: true })
  writeFileSync('node_modules/vitest/vitest.mjs', 'console.log("hello")')
  log('end')
}, 400)
`

test('commands that start at once in a fresh clone install once, and all of them run', async () => {
  const env = freshClone(slowNpm)
  const file = join(folder, 'tools/run.mjs')
  const all = await Promise.all([1, 2, 3].map(() => start(file, ['test'], env).ended))
  expect(all.map(({ code }) => code)).toEqual([0, 0, 0])
  for (const { text } of all) expect(text).toContain('hello')
  expect(log()).toEqual(['begin', 'end'])
  expect(all.filter(({ text }) => text.includes('Waiting for another command'))).toHaveLength(2)
  expect(existsSync(join(folder, '.install.lock'))).toBe(false)
})

test('a command that is killed keeps nobody out, once the npm that it has left behind is over', async () => {
  const env = freshClone(slowNpm)
  const file = join(folder, 'tools/run.mjs')
  const killed = start(file, ['test'], env)
  await until(() => log().length === 1)
  // Not until its output is closed: the npm that it has left behind has it still.
  const exited = new Promise((resolve) => killed.once('exit', resolve))
  killed.kill('SIGKILL')
  await exited
  const second = await start(file, ['test'], env).ended
  expect(second.code).toBe(0)
  expect(log()).toEqual(['begin', 'end', 'begin', 'end'])
})

test('a failed installation gives the lock back', async () => {
  const env = freshClone(`require('node:fs').appendFileSync('log', 'begin\\n'); process.exitCode = 1`)
  const { code, text } = await start(join(folder, 'tools/run.mjs'), ['test'], env).ended
  expect(code).toBe(1)
  expect(text).toContain('npm ci failed')
  expect(log()).toEqual(['begin', 'begin', 'begin'])
  expect(existsSync(join(folder, '.install.lock'))).toBe(false)
})

test('Ctrl-C ends a command that waits', async () => {
  const env = freshClone(slowNpm)
  const file = join(folder, 'tools/run.mjs')
  writeFileSync(join(folder, '.install.lock'), String(process.pid))
  const waiting = start(file, ['test'], env)
  let said = ''
  waiting.stderr?.on('data', (chunk) => (said += String(chunk)))
  await until(() => said.includes('Waiting'))
  waiting.kill('SIGINT')
  expect((await waiting.ended).code).toBe(130)
  expect(log()).toEqual([])
})

test('a lock whose owner is gone is taken over by one of many at a time', async () => {
  const program = join(folder, 'worker.mjs')
  const module = JSON.stringify(join(root, 'tools/install-lock.mjs'))
  writeFileSync(
    program,
    `import { appendFileSync } from 'node:fs'
     import { setTimeout as sleep } from 'node:timers/promises'
     import { withInstallLock } from ${module}
     const log = (text) => appendFileSync(${JSON.stringify(join(folder, 'log'))}, text + '\\n')
     await withInstallLock(${JSON.stringify(join(folder, 'lock'))}, async () => {
       log('begin')
       await sleep(20)
       log('end')
     }, () => {})`,
  )
  const gone = start('-e', [''])
  await gone.ended
  writeFileSync(join(folder, 'lock'), String(gone.pid))
  const all = await Promise.all(Array.from({ length: 8 }, () => start(program, []).ended))
  expect(all.map(({ code, text }) => [code, text])).toEqual(all.map(() => [0, '']))
  expect(log()).toEqual(all.flatMap(() => ['begin', 'end']))
})
