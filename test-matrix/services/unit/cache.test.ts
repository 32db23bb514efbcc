import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cached, retrying, withLock } from '../cache.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outboxkit-cache-test-'))
  vi.stubEnv('OUTBOXKIT_CACHE', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const fill = async (target: string): Promise<void> => writeFileSync(join(target, 'file'), 'x')

test('prepares once, also when asked twice at the same time', async () => {
  const prepare = vi.fn<typeof fill>(fill)
  const paths = await Promise.all([cached('a/b', prepare), cached('a/b', prepare)])
  expect(paths).toEqual([join(folder, 'a/b'), join(folder, 'a/b')])
  expect(prepare).toHaveBeenCalledOnce()
  expect(readdirSync(join(folder, 'a'))).toEqual(['b'])
})

test('what an interrupted preparation left is not used', async () => {
  const failing = cached('a', async (target) => {
    await fill(target)
    throw new Error('interrupted')
  })
  await expect(failing).rejects.toThrow('interrupted')
  expect(existsSync(join(folder, 'a'))).toBe(false)
  await cached('a', async (target) => expect(readdirSync(target)).toEqual([]))
})

test('a lock whose owner died is taken over', async () => {
  const dead = spawn('true')
  await new Promise((resolve) => dead.once('exit', resolve))
  const lock = join(folder, 'lock')
  writeFileSync(lock, `${dead.pid} token`)
  expect(await withLock(lock, async () => 'done')).toBe('done')
  expect(existsSync(lock)).toBe(false)
})

test('so is a lock whose owner shows no sign of life, as its process id may belong to another by now', async () => {
  const lock = join(folder, 'lock')
  writeFileSync(lock, `${process.pid} token`)
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(lock, longAgo, longAgo)
  expect(await withLock(lock, async () => 'done')).toBe('done')
})

test('never two at once, with many contenders for a dead lock', async () => {
  const lock = join(folder, 'lock')
  writeFileSync(lock, '999999999 token')
  let inside = 0
  const work = async (): Promise<void> => {
    inside += 1
    expect(inside).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    inside -= 1
  }
  await Promise.all(Array.from({ length: 5 }, () => withLock(lock, work)))
})

test('tries again, and reports the last failure', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  let calls = 0
  const work = async (): Promise<number> => {
    calls += 1
    if (calls < 2) throw new Error('connection reset')
    return calls
  }
  expect(await retrying('download', work)).toBe(2)
  expect(said).toHaveBeenCalledWith(expect.stringContaining('connection reset'))
  await expect(retrying('download', () => Promise.reject(new Error('gone')), 1)).rejects.toThrow('gone')
})
