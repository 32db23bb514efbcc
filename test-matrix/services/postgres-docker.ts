import pg from 'pg'
import { docker, launch, uniqueName } from './docker.js'
import { postgresDefaults } from './postgres-settings.js'
import { freePort, until } from './run.js'
import type { PostgresOptions, PostgresServer, StopMode } from './server.js'

export async function startPostgresContainer({
  major = 18,
  settings = {},
}: PostgresOptions): Promise<PostgresServer> {
  const name = uniqueName(`postgres-${major}`)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const lines = Object.entries({ ...postgresDefaults, ...settings }).flatMap(([key, value]) => [
    '-c',
    `${key}=${value}`,
  ])
  const ports = ['-p', `127.0.0.1:${port}:5432`, '-e', 'POSTGRES_HOST_AUTH_METHOD=trust']
  await launch(name, `postgres:${major}`, ports, lines)
  const remove = async (): Promise<void> => void (await docker('rm', '-f', '-v', name))
  try {
    const version = await postgresReady(url)
    return postgresContainer({ name, url, port, version, remove })
  } catch (error) {
    await remove()
    throw error
  }
}

type Identity = Pick<PostgresServer, 'url' | 'port' | 'version' | 'remove'> & { readonly name: string }

function postgresContainer({ name, ...identity }: Identity): PostgresServer {
  const end = async (signal: string): Promise<void> => {
    await docker('kill', '-s', signal, name)
    await docker('wait', name)
  }
  const stop = (mode: StopMode = 'fast'): Promise<void> =>
    end(({ smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const)[mode])
  const start = async (): Promise<void> => {
    await docker('start', name)
    await postgresReady(identity.url)
  }
  return {
    ...identity,
    start,
    stop,
    async restart(mode) {
      await stop(mode)
      await start()
    },
    crash: () => end('SIGKILL'),
    pause: async () => void (await docker('pause', name)),
    resume: async () => void (await docker('unpause', name)),
  }
}

/** By a query: the port of a container accepts connections before the server does. */
function postgresReady(url: string): Promise<string> {
  const ask = async (): Promise<string | undefined> => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const { rows } = await client.query<{ server_version: string }>('show server_version')
      return rows[0]?.server_version.split(' ')[0]
    } catch {
      return undefined
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  return until(ask, () => `PostgreSQL at ${url} is not ready`, 60_000, 100)
}
