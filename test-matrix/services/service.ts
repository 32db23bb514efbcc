import { fetchKafka, startKafka } from './kafka.js'
import {
  fetchMariadb,
  fetchMysql,
  mariadbVersions,
  mysqlVersions,
  startMariadb,
  startMysql,
} from './mysql.js'
import { fetchPostgres, startPostgres } from './postgres.js'
import type { DatabaseServer, MariadbVersion, MysqlVersion, PostgresMajor } from './server.js'

export type ServiceName = 'postgres' | 'mysql' | 'mariadb' | 'kafka' | 'kafka-cluster'

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
  mysql: {
    title: 'MySQL',
    variable: 'OUTBOXKIT_MYSQL_URL',
    fetch: () => fetchMysql(mysqlVersion()),
    start: async () => forMysqlClients(await startMysql({ version: mysqlVersion() })),
  },
  mariadb: {
    title: 'MariaDB',
    variable: 'OUTBOXKIT_MARIADB_URL',
    fetch: () => fetchMariadb(mariadbVersion()),
    start: async () => forMysqlClients(await startMariadb({ version: mariadbVersion() })),
  },
  kafka: kafka(1, 'KAFKA_BROKERS'),
  'kafka-cluster': kafka(3, 'OUTBOXKIT_KAFKA_CLUSTER'),
}

export const serviceNames = Object.keys(services) as ServiceName[]

/** The major version of PostgreSQL to start: OUTBOXKIT_PG_MAJOR, by default the newest. */
export function postgresMajor(): PostgresMajor {
  return oneOf('OUTBOXKIT_PG_MAJOR', [18, 17, 16, 15, 14])
}

/** The version of MySQL to start: OUTBOXKIT_MYSQL_VERSION, by default the newest. */
export function mysqlVersion(): MysqlVersion {
  return oneOf('OUTBOXKIT_MYSQL_VERSION', mysqlVersions)
}

/** The version of MariaDB to start: OUTBOXKIT_MARIADB_VERSION, by default the newest. */
export function mariadbVersion(): MariadbVersion {
  return oneOf('OUTBOXKIT_MARIADB_VERSION', mariadbVersions)
}

/** The first is the default. */
function oneOf<T extends string | number>(variable: string, known: readonly T[]): T {
  const text = process.env[variable]
  const found = text ? known.find((one) => String(one) === text) : known[0]
  if (found === undefined) throw new Error(`${variable}=${text}: must be one of ${known.join(', ')}`)
  return found
}

function forMysqlClients(server: DatabaseServer): RunningService {
  const { url, port, version } = server
  const hint = `mysql -h 127.0.0.1 -P ${port} -u root test`
  return { address: url, version, hint, stop: () => server.remove() }
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
