import { createConnection } from 'mysql2/promise'
import { docker, launch, uniqueName } from './docker.js'
import type { MysqlFlavour } from './mysql-flavours.js'
import { asArguments, mysqlDefaults } from './mysql-settings.js'
import { freePort, until } from './run.js'
import type { MysqlServer, MysqlSettings } from './server.js'

export async function startMysqlContainer(
  { kind, version }: MysqlFlavour,
  settings: MysqlSettings,
): Promise<MysqlServer> {
  const name = uniqueName(`${kind}-${version}`)
  const port = await freePort()
  const url = `mysql://root@127.0.0.1:${port}/test`
  const environment =
    kind === 'mysql'
      ? ['MYSQL_ALLOW_EMPTY_PASSWORD=1', 'MYSQL_ROOT_HOST=%', 'MYSQL_DATABASE=test']
      : ['MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1', 'MARIADB_ROOT_HOST=%', 'MARIADB_DATABASE=test']
  await launch(
    name,
    `${kind}:${version}`,
    ['-p', `127.0.0.1:${port}:3306`, ...environment.flatMap((one) => ['-e', one])],
    asArguments({ ...mysqlDefaults(kind), ...settings }),
  )
  const remove = async (): Promise<void> => void (await docker('rm', '-f', '-v', name))
  try {
    return mysqlContainer({ name, url, port, version: await mysqlReady(url), remove })
  } catch (error) {
    await remove()
    throw error
  }
}

type Identity = Pick<MysqlServer, 'url' | 'port' | 'version' | 'remove'> & { readonly name: string }

function mysqlContainer({ name, ...identity }: Identity): MysqlServer {
  const end = async (signal: string): Promise<void> => {
    await docker('kill', '-s', signal, name)
    await docker('wait', name)
  }
  const start = async (): Promise<void> => {
    await docker('start', name)
    await mysqlReady(identity.url)
  }
  return {
    ...identity,
    start,
    stop: () => end('SIGTERM'),
    async restart() {
      await end('SIGTERM')
      await start()
    },
    crash: () => end('SIGKILL'),
    pause: async () => void (await docker('pause', name)),
    resume: async () => void (await docker('unpause', name)),
  }
}

/** By a query: the image first runs a server without a network, and the container's port accepts before any. */
function mysqlReady(url: string): Promise<string> {
  const ask = async (): Promise<string | undefined> => {
    try {
      const connection = await createConnection({ uri: url, connectTimeout: 2_000 })
      connection.on('error', () => undefined)
      try {
        const [rows] = await connection.query('select version() as version')
        const [row] = rows as { version: string }[]
        return row?.version.split('-')[0]
      } finally {
        connection.destroy()
      }
    } catch {
      return undefined
    }
  }
  return until(ask, () => `the server at ${url} is not ready`, 120_000, 100)
}
