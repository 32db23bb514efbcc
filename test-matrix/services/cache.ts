import { randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, MissingCommand } from './run.js'

/** Everything downloaded or prepared once: server binaries, jars, templates. May be deleted at any time. */
export function cacheFolder(): string {
  const { OUTBOXKIT_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  const folder = resolve(own || join(xdg || join(homedir(), '.cache'), 'outboxkit'))
  mkdirSync(folder, { recursive: true })
  return folder
}

/**
 * The folder `name` of the cache, made by `prepare` if it is not there. `prepare` gets a temporary folder,
 * which takes its final name only when complete: what an interrupted run leaves behind is never used.
 */
export async function cached(name: string, prepare: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  return withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder
    const partial = `${folder}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial, { recursive: true })
    await prepare(partial)
    renameSync(partial, folder)
    return folder
  })
}

const HEARTBEAT_MS = 2_000
const DEAD_AFTER_MS = 20_000

/** One process at a time. A lock whose owner died, or has shown no sign of life, is taken over. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const token = `${process.pid} ${randomBytes(6).toString('hex')}`
  while (!take(file, token)) {
    const holder = read(file)
    if (holder !== undefined && isStale(file, holder)) dispossess(file, holder)
    else await sleep(100)
  }
  // The heartbeat, because a process id alone proves nothing: another process may have it by now.
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    if (read(file) === token) rmSync(file, { force: true })
  }
}

/** A hard link is made with its content or not at all, so nobody ever reads a lock without an owner. */
function take(file: string, token: string): boolean {
  const draft = `${file}.${token.replace(' ', '-')}`
  writeFileSync(draft, token)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function isStale(file: string, holder: string): boolean {
  if (!isAlive(Number(holder.split(' ')[0]))) return true
  try {
    return Date.now() - statSync(file).mtimeMs > DEAD_AFTER_MS
  } catch {
    return false
  }
}

/** Two may find the same lock dead: the slower one would remove the faster one's new lock, so it puts it back. */
function dispossess(file: string, holder: string): void {
  const aside = `${file}.dead-${randomBytes(4).toString('hex')}`
  try {
    renameSync(file, aside)
    if (read(aside) !== holder) linkSync(aside, file)
  } catch {
    // someone else was quicker
  }
  rmSync(aside, { force: true })
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date())
  } catch {
    // taken over; the final check in withLock sees it
  }
}

/** Downloads fail for reasons that pass. The error of the last attempt is the one that is reported. */
export async function retrying<T>(what: string, attempt: () => Promise<T>, attempts = 4): Promise<T> {
  for (let i = 1; ; i++) {
    try {
      return await attempt()
    } catch (error) {
      if (i === attempts || error instanceof MissingCommand) throw error
      const waitMs = 500 * 4 ** (i - 1)
      process.stderr.write(`${what}: attempt ${i} failed (${gist(error)}), again in ${waitMs / 1000} s\n`)
      await sleep(waitMs)
    }
  }
}

/** The first line in which a tool names an error, else the first line. */
function gist(error: unknown): string {
  const lines = String(error instanceof Error ? error.message : error).split('\n')
  return (lines.slice(1).find((line) => /err/i.test(line)) ?? lines[0] ?? '').trim().slice(0, 200)
}

/** Says on standard error what takes so long: a line that renews itself on a terminal, one line every 10 s elsewhere. */
export async function withProgress<T>(
  what: string,
  work: () => Promise<T>,
  detail: () => string = () => '',
): Promise<T> {
  const { isTTY } = process.stderr
  const started = Date.now()
  const line = (): string =>
    `${what} ${[`${Math.round((Date.now() - started) / 1000)} s`, detail()].filter(Boolean).join(', ')}`
  const show = (end: string): void =>
    void process.stderr.write(isTTY ? `\r\x1b[K${line()}${end}` : `${line()}\n`)
  show('')
  const timer = setInterval(() => show(''), isTTY ? 500 : 10_000)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    show('\n')
  }
}
