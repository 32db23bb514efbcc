import type { TestProject } from 'vitest/node'
import { startOrUse } from './service.js'
import type { RunningService } from './service.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser of a PostgreSQL server that the whole run shares: make a schema per test with `freshSchema`. */
    postgresUrl: string
    /** `root` of a MySQL server that the whole run shares: make a database per test with `freshDatabase`. */
    mysqlUrl: string
    /** `root` of a MariaDB server that the whole run shares: make a database per test with `freshDatabase`. */
    mariadbUrl: string
    /** host:port, comma separated, of a Kafka that the whole run shares: make a topic per test with `createTopic`. */
    kafkaBrokers: string
  }
}

/** What every run has, and the name under which tests find its address. */
const provided = {
  postgres: 'postgresUrl',
  mysql: 'mysqlUrl',
  mariadb: 'mariadbUrl',
  kafka: 'kafkaBrokers',
} as const
type Provided = keyof typeof provided

/** One server of each kind per run, for all projects; unit tests alone need none. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (project.vitest.projects.every(({ name }) => name === 'unit')) return async () => undefined
  const names = Object.keys(provided) as Provided[]
  const results = await Promise.allSettled(names.map((name) => startOrUse(name)))
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) {
    await stopAll(running)
    throw failed.reason
  }
  for (const [index, name] of names.entries()) project.provide(provided[name], running[index]?.address ?? '')
  return () => stopAll(running)
}

/** vitest prints an error of a teardown and goes on to exit with 0; servers left behind must not pass for success. */
async function stopAll(running: readonly RunningService[]): Promise<void> {
  const results = await Promise.allSettled(running.map((service) => service.stop()))
  const failed = results.find((result) => result.status === 'rejected')
  if (!failed) return
  process.exitCode = 1
  throw failed.reason
}
