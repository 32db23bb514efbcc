import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderWith } from './support/folder.js'

const root = join(import.meta.dirname, '../../..')

/** The program as a process of its own. */
function start(argv: readonly string[], files: Readonly<Record<string, string>>) {
  const cwd = folderWith({ 'package.json': '{}', ...files })
  const tsx = join(root, 'node_modules/tsx/dist/esm/index.mjs')
  const child = spawn(process.execPath, ['--import', tsx, join(root, 'packages/cli/src/bin.ts'), ...argv], {
    cwd,
    env: { PATH: process.env['PATH'], TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  return { child, stderr: () => stderr, ended: ended(child) }
}

function ended(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)))
}

function line(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) =>
    child.stdout?.on('data', (data: Buffer) => data.toString().includes(text) && resolve()),
  )
}

describe('the process', () => {
  it('ends cleanly when nobody reads its output', async () => {
    const { child, stderr, ended: end } = start(['config', '--variables'], {})
    child.stdout.destroy()
    expect(await end).toBe(0)
    expect(stderr()).toBe('')
  })

  it('completes commands and flags for a shell', async () => {
    const { child, ended: end } = start(['complete', '--', 'dead', 'list', '--'], {})
    let stdout = ''
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    expect(await end).toBe(0)
    expect(stdout).toMatch(/^--scope\t/m)
    const script = start(['completion', 'zsh'], {})
    script.child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    expect(await script.ended).toBe(0)
    expect(stdout).toContain('#compdef outboxkit')
  })

  it('ends with a code that is not 0 when something is thrown that nobody catches, also from the file', async () => {
    const files = {
      'outbox.config.mjs': `void Promise.reject(new Error('nobody cares'))
        export default { database: { url: 'postgres://h/d' } }`,
    }
    const { stderr, ended: end } = start(['config'], files)
    expect(await end).toBe(1)
    expect(stderr()).toContain('nobody cares')
  })

  it('waits for no connection that the file has left open, and ends at once at a second signal', async () => {
    const files = {
      'outbox.config.mjs': `setInterval(() => {}, 1000)
        if (process.argv.includes('--debug')) { console.log('loading'); await new Promise(() => {}) }
        export default { database: { url: 'postgres://h/d' } }`,
    }
    const open = start(['config'], files)
    expect(await open.ended).toBe(0)
    const stuck = start(['config', '--debug'], files)
    await line(stuck.child, 'loading')
    stuck.child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 100))
    stuck.child.kill('SIGINT')
    expect(await stuck.ended).toBe(130)
  })
})
