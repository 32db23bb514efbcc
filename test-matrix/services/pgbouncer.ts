import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { cached } from './cache.js'
import { unpackDebianPackages } from './debian-packages.js'
import { freePort, until } from './run.js'
import { readText, serverFolder, spawnServer } from './server-process.js'
import { readableFor, serverUser } from './server-user.js'

export interface Pooler extends AsyncDisposable {
  /** The server's URL, by way of the pooler. Without `options`: poolers refuse them. */
  readonly url: string
}

/** PgBouncer of Debian 12, in transaction mode, in front of a PostgreSQL server. Rejects where it cannot be had. */
export async function startPgBouncer(serverUrl: string): Promise<Pooler> {
  const server = new URL(serverUrl)
  const folder = serverFolder('pgbouncer')
  const user = await serverUser()
  const files = await cached('pgbouncer-bookworm', (target) =>
    unpackDebianPackages('bookworm', ['pgbouncer'], target),
  )
  const root = await readableFor(user, files, 'pgbouncer')
  const port = await freePort()
  const settings = join(folder.path, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `* = host=${server.hostname} port=${server.port} user=${server.username}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'auth_type = any',
    'pool_mode = transaction',
    'unix_socket_dir =',
  ]
  writeFileSync(settings, lines.join('\n'), { mode: 0o644 })
  const logFile = join(folder.path, 'log')
  // Through the loader that was unpacked with it: it finds the libraries that it was made for.
  const multiarch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const loader = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2'
  const libraries = [`usr/lib/${multiarch}`, `lib/${multiarch}`].map((path) => join(root, path))
  const pooler = spawnServer({
    command: join(root, `lib/${multiarch}`, loader),
    args: ['--library-path', libraries.join(':'), join(root, 'usr/sbin/pgbouncer'), settings],
    cwd: folder.path,
    logFile,
    user,
  })
  const close = async (): Promise<void> => {
    pooler.signal('SIGKILL')
    await pooler.ended
    folder.remove()
  }
  try {
    await until(
      () => {
        if (pooler.end() !== undefined) throw new Error(`PgBouncer: ${pooler.end()}\n${readText(logFile)}`)
        return accepts(port)
      },
      () => `PgBouncer does not listen\n${readText(logFile)}`,
      10_000,
    )
  } catch (error) {
    await close()
    throw error
  }
  const url = new URL(serverUrl)
  url.port = String(port)
  url.searchParams.delete('options')
  return { url: url.href, [Symbol.asyncDispose]: close }
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: true | undefined): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(undefined))
  })
}
