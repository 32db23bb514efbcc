import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { mysqlFiles } from './mysql-files.js'
import type { MysqlFiles } from './mysql-files.js'
import { titleOf } from './mysql-flavours.js'
import type { MysqlFlavour } from './mysql-flavours.js'
import { emptyData } from './mysql-initialise.js'
import { asArguments, mysqlDefaults } from './mysql-settings.js'
import { freePort, run, until } from './run.js'
import { readText, serverFolder, spawnServer } from './server-process.js'
import type { ServerProcess, User } from './server-process.js'
import { serverUser } from './server-user.js'
import type { MysqlServer, MysqlSettings } from './server.js'

interface Prepared {
  readonly files: MysqlFiles
  readonly user: User | undefined
  readonly template: string
}

/** `use` may rely on the files until it ends. */
async function prepared<T>(flavour: MysqlFlavour, use: (ready: Prepared) => Promise<T>): Promise<T> {
  const stay = serverFolder('preparing')
  try {
    const user = await serverUser()
    const files = await mysqlFiles(flavour, user)
    return await use({ files, user, template: await emptyData(flavour, files, user) })
  } finally {
    stay.remove()
  }
}

export const fetchLocalMysql = (flavour: MysqlFlavour): Promise<void> =>
  prepared(flavour, async () => undefined)

export function startLocalMysql(flavour: MysqlFlavour, settings: MysqlSettings): Promise<MysqlServer> {
  return prepared(flavour, async ({ files, user, template }) => {
    for (let attempt = 1; ; attempt++) {
      const folder = serverFolder(flavour.kind)
      const data = join(folder.path, 'data')
      await run('cp', ['-a', template, data])
      if (user) await run('chown', [`${user.uid}:${user.gid}`, folder.path])
      const port = Number(settings['port'] ?? (await freePort()))
      const all = { ...mysqlDefaults(flavour.kind), ...places(data), ...settings, port }
      const title = titleOf(flavour)
      const server = new LocalMysql({ title, files, data, port, settings: all, user, remove: folder.remove })
      try {
        await server.start()
        return server
      } catch (error) {
        await server.remove()
        // Someone else may have taken the port between the look and the start.
        const taken = /Address already in use/i.test(String(error))
        if (!taken || attempt === 5 || settings['port'] !== undefined) throw error
      }
    }
  })
}

function places(data: string): MysqlSettings {
  return {
    bind_address: '127.0.0.1',
    datadir: data,
    tmpdir: dirname(data),
    // Relative to the data folder: the path of a socket may only have 107 bytes.
    socket: 'mysql.sock',
    pid_file: join(data, 'mysqld.pid'),
    secure_file_priv: dirname(data),
  }
}

interface Parts {
  readonly title: string
  readonly files: MysqlFiles
  readonly data: string
  readonly port: number
  readonly settings: MysqlSettings
  readonly user: User | undefined
  readonly remove: () => void
}

class LocalMysql implements MysqlServer {
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
    this.version = parts.files.version
    this.url = `mysql://root@127.0.0.1:${parts.port}/test`
  }

  get #running(): ServerProcess | undefined {
    return this.#process?.end() === undefined ? this.#process : undefined
  }

  async start(): Promise<void> {
    if (this.#running) return
    const { title, files, data, settings, user } = this.#parts
    const server = spawnServer({
      command: files.command,
      args: [...files.args, ...asArguments(settings)],
      cwd: dirname(data),
      logFile: this.#logFile,
      user,
      env: { ...process.env, LC_ALL: 'C' },
    })
    this.#process = server
    await until(
      async () => {
        if (server.end() !== undefined)
          throw new Error(`${title} ended (${server.end()}):\n${readText(this.#logFile).slice(-3000)}`)
        return (await this.#isReady(server.pid)) ? true : undefined
      },
      () => `${title} is not ready:\n${readText(this.#logFile).slice(-3000)}`,
      60_000,
      20,
    )
  }

  /** It greets, and the pid file is this process's: the greeting alone might be of another server on the port. */
  async #isReady(pid: number): Promise<boolean> {
    const owner = Number(readText(join(this.#parts.data, 'mysqld.pid')))
    return owner === pid && (await greets(this.port))
  }

  async stop(): Promise<void> {
    const server = this.#running
    if (!server) return
    await this.resume()
    server.signal('SIGTERM')
    await server.ended
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async crash(): Promise<void> {
    const server = this.#running
    if (!server) return
    server.signal('SIGKILL')
    await server.ended
  }

  async pause(): Promise<void> {
    const server = this.#running
    if (!server) return
    server.signal('SIGSTOP')
    // The threads stop one after the other: one that runs may still answer a query.
    await until(
      () => (threadStates(server.pid).every((state) => state === 'T') ? true : undefined),
      () => `${this.#parts.title} does not stop`,
      10_000,
      2,
    )
  }

  async resume(): Promise<void> {
    this.#running?.signal('SIGCONT')
  }

  async remove(): Promise<void> {
    await this.crash()
    this.#parts.remove()
  }
}

/** `R`: runs, `S`: sleeps, `T`: stopped, and others. */
function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readText(`/proc/${pid}/task/${thread}/stat`)
    // Behind the name in brackets, which may contain brackets itself; of a thread that has ended there is none.
    return stat === '' ? 'T' : stat.charAt(stat.lastIndexOf(')') + 2)
  })
}

/** Whether a server sends its greeting, of protocol version 10. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2_000, () => finish(false))
    socket.once('error', () => finish(false))
    socket.once('close', () => finish(false))
    socket.once('data', (bytes) => finish(bytes[4] === 10))
  })
}
