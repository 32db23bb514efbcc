import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { signal } from './run.js'

export interface User {
  readonly uid: number
  readonly gid: number
}

export interface ServerProcess {
  readonly pid: number
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Why it ended; undefined while it runs. */
  end(): string | undefined
  signal(name: NodeJS.Signals): void
  /** Further processes that must not outlive this one, such as children that are stopped with it. */
  guard(pids: readonly number[]): void
}

export interface SpawnServerOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly logFile: string
  readonly user?: User | undefined
  readonly env?: NodeJS.ProcessEnv
  /** The signal on which the server ends at once; SIGKILL unless it has something to clean up. */
  readonly endSignal?: 'SIGKILL' | 'SIGQUIT'
}

/*
 * No server may outlive this process, however this process ends. Three nets, because each has a hole:
 * - an exit handler (not called when a signal ends the process);
 * - on Linux the kernel's parent-death signal (does not reach a server's own children, removes no files);
 * - a shell that holds the list of processes and the folder, and acts when its standard input closes.
 * Servers are leaders of their own session: Ctrl-C reaches this process only, which then ends them in order.
 */
interface Guarded {
  readonly endSignal: 'SIGKILL' | 'SIGQUIT'
  pids: readonly number[]
}
const guarded = new Set<Guarded>()
let watchdog: ChildProcess | undefined
let root: string | undefined
let users = 0
let counter = 0

const watchdogScript = `
while read -r how pids; do case $how in quit) quit=$pids;; kill) kill=$pids;; esac; done
if [ -n "$quit" ]; then
  kill -CONT $quit; kill -QUIT $quit
  for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $quit 2>/dev/null && sleep 0.1; done
fi
[ -n "$kill$quit" ] && kill -KILL $kill $quit
for i in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 0.2; done
`

function report(): void {
  const list = (end: Guarded['endSignal']): string =>
    [...guarded].flatMap((g) => (g.endSignal === end ? g.pids : [])).join(' ')
  watchdog?.stdin?.write(`quit ${list('SIGQUIT')}\nkill ${list('SIGKILL')}\n`)
}

function endAll(): void {
  for (const { pids, endSignal } of guarded) signal(pids, endSignal)
  if (root !== undefined) rmSync(root, { recursive: true, force: true, maxRetries: 5 })
}

/** A folder for one server's data and logs. It is gone when this process is gone, at the latest. */
export function serverFolder(name: string): { path: string; remove: () => void } {
  const path = join(enter(), `${name}-${(counter += 1)}`)
  mkdirSync(path, { mode: 0o755 })
  let removed = false
  const remove = (): void => {
    if (removed) return
    removed = true
    rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    leave()
  }
  return { path, remove }
}

/** A folder for what several servers use; it goes with the last of their own folders. */
export function sharedFolder(name: string): string {
  if (root === undefined) throw new Error('only beside a folder of serverFolder')
  return join(root, name)
}

function enter(): string {
  users += 1
  if (root !== undefined) return root
  root = mkdtempSync(join(tmpdir(), 'outboxkit-services-'))
  // Servers may run as another user than the one who owns this folder.
  chmodSync(root, 0o755)
  watchdog = spawn('sh', ['-c', watchdogScript, 'outboxkit-watchdog', root], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.on('error', () => undefined)
  watchdog.stdin?.on('error', () => undefined)
  watchdog.unref()
  if (users === 1 && counter === 0) process.once('exit', endAll)
  return root
}

/** With the last server the watchdog goes as well. */
function leave(): void {
  users -= 1
  if (users > 0 || root === undefined) return
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  root = undefined
  watchdog?.stdin?.end()
  watchdog = undefined
}

const hasSetpriv =
  process.platform === 'linux' &&
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'setpriv')))

export function spawnServer(options: SpawnServerOptions): ServerProcess {
  const { command, args, cwd, logFile, user, env, endSignal = 'SIGKILL' } = options
  const log = openSync(logFile, 'a')
  const line = hasSetpriv
    ? ['setpriv', '--pdeathsig', endSignal.slice(3), command, ...args]
    : [command, ...args]
  const child = spawn(line[0] ?? command, line.slice(1), {
    stdio: ['ignore', log, log],
    cwd,
    detached: true,
    ...(env && { env }),
    ...user,
  })
  closeSync(log)
  const entry: Guarded = { endSignal, pids: child.pid === undefined ? [] : [child.pid] }
  guarded.add(entry)
  report()
  let reason: string | undefined
  const ended = new Promise<void>((resolve) => {
    const finish = (why: string): void => {
      reason ??= why
      guarded.delete(entry)
      report()
      resolve()
    }
    child.once('error', (error) => finish(error.message))
    child.once('exit', (code, name) => finish(name ?? `exit ${code}`))
  })
  return {
    pid: child.pid ?? 0,
    ended,
    end: () => reason,
    signal: (name) => void child.kill(name),
    guard: (pids) => {
      if (reason !== undefined) return
      entry.pids = [...new Set([...(child.pid === undefined ? [] : [child.pid]), ...pids])]
      report()
    },
  }
}

/** Of a file that may not be there. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
