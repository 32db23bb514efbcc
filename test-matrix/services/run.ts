import { spawn } from 'node:child_process'
import type { SpawnOptions } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export class MissingCommand extends Error {
  constructor(command: string) {
    super(`the command \`${command}\` was not found: is it installed?`)
  }
}

export interface RunOptions extends SpawnOptions {
  /** What the command reads from its standard input; default nothing. */
  readonly input?: string
}

/** Runs a command to its end and returns what it printed; a failure carries the tail of the output. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, ...rest } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...rest,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    // A command that does not read its input closes it.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new MissingCommand(command) : error),
    )
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output)
      else
        reject(
          new Error(
            `${command} ${args.join(' ').slice(0, 300)}: ${signal ?? `exit ${code}`}\n${output.slice(-3000)}`,
          ),
        )
    })
  })
}

/** Asks `observe` until it answers something; there is no other kind of waiting for a server in this folder. */
export async function until<T>(
  observe: () => Promise<T | undefined> | T | undefined,
  what: () => string,
  timeoutMs: number,
  everyMs = 10,
): Promise<T> {
  for (const end = Date.now() + timeoutMs; ;) {
    const seen = await observe()
    if (seen !== undefined) return seen
    if (Date.now() > end) throw new Error(`${what()} (waited ${timeoutMs} ms)`)
    await sleep(everyMs)
  }
}

/**
 * A port that nobody listens on. It lies below the range from which systems take the ports of outgoing
 * connections: a client that reconnects to a server that is down could otherwise be given the server's
 * own port, connect to itself, and keep the server from starting again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

/** Running, and not a zombie that its parent has yet to reap. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return process.platform !== 'linux'
  }
}

/** The process ids of a process's children. */
export async function childrenOf(parent: number): Promise<number[]> {
  if (process.platform !== 'linux') {
    const rows = (await run('ps', ['-axo', 'pid=,ppid='])).trim().split('\n')
    return rows
      .map((row) => row.trim().split(/\s+/).map(Number))
      .flatMap(([pid, ppid]) => (ppid === parent ? [pid ?? 0] : []))
  }
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // The second field is the program's name in brackets and may contain spaces and brackets itself.
      const parentPid = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
      return Number(parentPid) === parent ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

export function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // gone already
    }
  }
}
