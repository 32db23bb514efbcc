import {
  isOutboxError,
  resolveTable,
  type Dialect,
  type OutboxTable,
  type TableOptions,
} from '@outboxkit/core'
import { sourceOrigin, type Publisher, type Source } from '@outboxkit/relay'
import { kafkaOf, kafkaOfPublisher } from './kafka.js'
import type { Layer } from './layer.js'
import { configurationError, type Problem } from './problems.js'
import type { CreateSourceOptions, DatabaseSettings, ResolvedOutbox } from './resolved.js'
import { nested, valueOf, valueOrDefault, whereOf } from './values.js'

const relayKeys = keys(
  'lease.termMs poll.minMs poll.maxMs idle.sleepAfterMs idle.wakeEveryMs retry.minMs retry.maxMs',
  'onPoison holdAfterMs maxInFlightBytes maxInFlightEvents publishTimeoutMs stopTimeoutMs tracing',
)
const tableKeys = keys('table.name table.schema table.payload table.uniqueId')
const sourceKeys = [
  ...tableKeys,
  ...keys('maxBatchEvents maxBatchBytes noteIntervalMs sweep.intervalMs cleanup retentionMs'),
]
const connectionKeys = ['database.connectTimeoutMs', 'database.statementTimeoutMs']

/** One outbox of its values. `at`: goes before the keys in problems. `undefined`: there were problems. */
export async function resolveOutbox(
  name: string,
  layer: Layer,
  at: string,
  problems: Problem[],
): Promise<ResolvedOutbox | undefined> {
  const source = valueOf<Source>(layer, 'source')
  const publisher = valueOf<Publisher>(layer, 'publisher')
  const origin = source === undefined ? undefined : sourceOrigin(source)
  const database = origin ?? databaseOf(layer, at, problems)
  const table = origin?.table ?? tableOf(layer, at, problems)
  const kafka = publisher === undefined ? await kafkaOf(layer, at, problems) : undefined
  if (database === undefined || table === undefined) return undefined
  const isKnown = source === undefined || origin !== undefined
  const createSource = isKnown ? await sourceFactory(database, layer, origin?.table) : undefined
  const unpublishable = publisher === undefined && kafka === undefined ? noKafka(at) : undefined
  return {
    name,
    database: { dialect: database.dialect, url: database.url, config: database.config },
    table,
    maxPayloadBytes: valueOrDefault<number>(layer, 'maxPayloadBytes'),
    relay: nested(layer, relayKeys),
    kafka: publisher === undefined ? kafka?.settings : kafkaOfPublisher(publisher),
    createSource: (options = {}) =>
      (options.archives === false ? undefined : source) ?? createSource?.(options) ?? source ?? never(),
    unpublishable,
    createPublisher({ onWarning } = {}) {
      if (unpublishable !== undefined) throw configurationError([unpublishable])
      return publisher ?? kafka?.createPublisher(onWarning) ?? never()
    },
  }
}

const schemes: Readonly<Record<string, Dialect>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mysql2: 'mysql',
  mariadb: 'mysql',
}

function databaseOf(layer: Layer, at: string, problems: Problem[]): DatabaseSettings | undefined {
  const url = valueOf<string>(layer, 'database.url')
  const config = valueOf<Readonly<Record<string, unknown>>>(layer, 'database.config')
  const dialect = valueOf<Dialect>(layer, 'database.dialect')
  const problem = (key: string, message: string): undefined => {
    problems.push({ where: whereOf(layer, key, at), message })
  }
  if (url !== undefined && config !== undefined)
    return problem('database.config', 'stands beside `url`. Give one of them.')
  if (url === undefined) {
    if (dialect !== undefined) return { dialect, ...(config === undefined ? {} : { config }) }
    if (config !== undefined)
      return problem('database.dialect', "is needed beside `config`: 'postgres' or 'mysql'.")
    return problem(
      'database.url',
      'There is no database. Set OUTBOXKIT_DATABASE_URL (or DATABASE_URL), or give it in the configuration file.',
    )
  }
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  const found = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined
  if (found === undefined)
    return problem(
      'database.url',
      `must begin with postgres:// or mysql://${/^[a-z]/i.test(scheme) ? `, not with ${scheme}:` : ''}.`,
    )
  if (dialect !== undefined && dialect !== found)
    return problem('database.dialect', `is '${dialect}', but the URL begins with ${scheme}://.`)
  // A # is always a character of the password that was not encoded: the rest would be taken for the host.
  if (url.includes('#') || !URL.canParse(url))
    return problem(
      'database.url',
      `cannot be parsed. It must look like ${scheme}://user:password@host:port/database, with special characters in the password percent-encoded.`,
    )
  return { dialect: found, url }
}

function tableOf(layer: Layer, at: string, problems: Problem[]) {
  try {
    return resolveTable(nested(layer, tableKeys)['table'] as TableOptions | undefined)
  } catch (error) {
    if (!isOutboxError(error)) throw error
    problems.push({ where: `${at}table`, message: error.message })
    return undefined
  }
}

/** Loads the source of this database, and with it the driver, but not the other's. */
async function sourceFactory(
  { dialect, url, config }: DatabaseSettings,
  layer: Layer,
  table: OutboxTable | undefined,
): Promise<(options: CreateSourceOptions) => Source> {
  const connection = nested(layer, connectionKeys)['database'] as object | undefined
  const options = {
    ...nested(layer, sourceKeys),
    ...connection,
    ...(url === undefined ? {} : { url }),
    ...(config === undefined ? {} : { config }),
    ...(table === undefined ? {} : { table }),
  }
  const made = ({ archives, onWarning }: CreateSourceOptions): object => ({
    ...options,
    ...(onWarning === undefined ? {} : { onWarning }),
    ...(archives === false ? { cleanup: 'delete', retentionMs: undefined } : {}),
  })
  if (dialect === 'postgres') {
    const { postgresSource } = await import('@outboxkit/relay/postgres')
    return (more) => postgresSource(made(more) as Parameters<typeof postgresSource>[0])
  }
  const { mysqlSource } = await import('@outboxkit/relay/mysql')
  return (more) => mysqlSource(made(more) as Parameters<typeof mysqlSource>[0])
}

function keys(...names: readonly string[]): readonly string[] {
  return names.flatMap((line) => line.split(' '))
}

function noKafka(at: string): Problem {
  return {
    where: `${at}kafka.brokers`,
    message:
      'There is nowhere to publish to. Set OUTBOXKIT_KAFKA_BROKERS (or KAFKA_BROKERS), or give kafka or a publisher in the configuration file.',
  }
}

function never(): never {
  throw new TypeError('a configuration has a source and a publisher, or makes them')
}
