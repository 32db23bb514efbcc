import { fetchKafka, startKafka } from './kafka.js'
import { fetchPostgres, startPostgres } from './postgres.js'
import type { PostgresMajor } from './server.js'

export type ServiceName = 'postgres' | 'kafka' | 'kafka-cluster'

export interface RunningService {
  /** What a client needs to reach it. */
  readonly address: string
  readonly version: string
  /** How to have a look at it with what most people have installed. */
  readonly hint: string
  stop(): Promise<void>
}

export interface ServiceDefinition {
  readonly title: string
  /** The environment variable with the address of a server that runs already and is used instead. */
  readonly variable: string
  /** Downloads and prepares what `start` needs, so that it works without a network. */
  fetch(): Promise<void>
  start(): Promise<RunningService>
}

/** Another database joins by its name above and its entry here. */
export const services: Record<ServiceName, ServiceDefinition> = {
  postgres: {
    title: 'PostgreSQL',
    variable: 'OUTBOXKIT_POSTGRES_URL',
    fetch: () => fetchPostgres(postgresMajor()),
    async start() {
      const server = await startPostgres({ major: postgresMajor() })
      const { url, version } = server
      return { address: url, version, hint: `psql ${url}`, stop: () => server.remove() }
    },
  },
  kafka: kafka(1, 'KAFKA_BROKERS'),
  'kafka-cluster': kafka(3, 'OUTBOXKIT_KAFKA_CLUSTER'),
}

export const serviceNames = Object.keys(services) as ServiceName[]

/** The major version of PostgreSQL to start: OUTBOXKIT_PG_MAJOR, by default the newest. */
export function postgresMajor(): PostgresMajor {
  const text = process.env['OUTBOXKIT_PG_MAJOR'] || '18'
  const major = ([14, 15, 16, 17, 18] as const).find((known) => String(known) === text)
  if (major === undefined) throw new Error(`OUTBOXKIT_PG_MAJOR=${text}: must be 14, 15, 16, 17 or 18`)
  return major
}

function kafka(brokers: 1 | 3, variable: string): ServiceDefinition {
  return {
    title: brokers === 1 ? 'Apache Kafka' : `Apache Kafka, ${brokers} brokers`,
    variable,
    fetch: async () => void (await fetchKafka()),
    async start() {
      const server = await startKafka({ brokers })
      const { bootstrap, version } = server
      return {
        address: bootstrap,
        version,
        hint: `kcat -b ${bootstrap} -L`,
        stop: () => server.stop(),
      }
    },
  }
}

/** Starts a service, or uses the server that its environment variable names, which is left alone. */
export async function startOrUse(name: ServiceName): Promise<RunningService> {
  const service = services[name]
  const address = process.env[service.variable]
  if (!address) return service.start()
  return { address, version: 'not started here', hint: service.variable, stop: async () => undefined }
}
