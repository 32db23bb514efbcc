import type { TestProject } from 'vitest/node'
import { startOrUse } from './service.js'
import type { RunningService } from './service.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser of a PostgreSQL server that the whole run shares: make a schema per test with `freshSchema`. */
    postgresUrl: string
    /** host:port, comma separated, of a Kafka that the whole run shares: make a topic per test with `createTopic`. */
    kafkaBrokers: string
  }
}

/** One PostgreSQL and one Kafka per run, for all projects; unit tests alone need none. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (project.vitest.projects.every(({ name }) => name === 'unit')) return async () => undefined
  const results = await Promise.allSettled([startOrUse('postgres'), startOrUse('kafka')])
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) {
    await stopAll(running)
    throw failed.reason
  }
  const [postgres, kafka] = running
  if (!postgres || !kafka) throw new Error('a service did not start')
  project.provide('postgresUrl', postgres.address)
  project.provide('kafkaBrokers', kafka.address)
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
