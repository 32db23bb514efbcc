import { isOutboxError, OutboxError, qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Connection, RawRow, Statement } from './connection.js'
import { errno } from './errors.js'
import {
  privilegeProbes,
  readAppliers,
  readClusterSize,
  readColumns,
  readPrimaries,
  readTables,
  readVariables,
  readVersion,
} from './inspect-statements.js'
import type { TablePlace } from './statements.js'

/** What an opened source needs to know. */
export interface Inspected {
  readonly place: TablePlace
  /** Which server this is: its uuid, or where it has none its name, port and id. */
  readonly server: string
  /** What may cost events and is the server's to change. */
  readonly warnings: readonly string[]
}

type Variables = ReadonlyMap<string, string>

/**
 * Looks at server and tables. Throws `OUTBOX_SOURCE_UNSUPPORTED`, with what to do, for everything that cannot be
 * read in order.
 */
export async function inspect(connection: Connection, table: OutboxTable): Promise<Inspected> {
  const [version] = (await connection.query(readVersion)).rows
  const server = serverOf(version ?? [])
  refuseVersion(server)
  const variables = toVariables((await connection.query(readVariables)).rows)
  refuseReadOnly(variables)
  await refuseSeveralWriters(connection, variables)
  const place = await refuseTables(connection, table)
  await refuseColumns(connection, place, table)
  await refusePrivileges(connection, table)
  return {
    place,
    server: identityOf(variables),
    warnings: [
      ...durabilityWarnings(variables, server.isMariaDb),
      ...(await replicaWarnings(connection, server)),
    ],
  }
}

interface Server {
  readonly version: string
  readonly isMariaDb: boolean
}

function serverOf([version, comment]: RawRow): Server {
  const text = `${String(version)} ${String(comment ?? '')}`
  for (const [pattern, name] of [
    [/TiDB/i, 'TiDB'],
    [/Vitess|PlanetScale/i, 'Vitess'],
    [/SingleStore|MemSQL/i, 'SingleStore'],
    [/OceanBase/i, 'OceanBase'],
  ] as const)
    if (pattern.test(text))
      throw unsupported(
        `This server is ${name}: several nodes hand out numbers side by side, so that rows cannot be read in order. Use a table of MySQL or MariaDB.`,
      )
  return { version: String(version), isMariaDb: /mariadb/i.test(text) }
}

function refuseVersion({ version, isMariaDb }: Server): void {
  // MariaDB once stood behind 5.5.5- for old clients
  const [major = 0, minor = 0, patch = 0] = (
    /(\d+)\.(\d+)\.(\d+)/.exec(version.replace(/^5\.5\.5-/, '')) ?? []
  )
    .slice(1)
    .map(Number)
  const number = major * 1_000_000 + minor * 1_000 + patch
  if (number >= (isMariaDb ? 10_006_000 : 8_000_014)) return
  throw unsupported(
    `This server is ${isMariaDb ? 'MariaDB' : 'MySQL'} ${version}. MySQL 8.0.14 or newer, or MariaDB 10.6 or newer, is needed.`,
  )
}

function refuseReadOnly(variables: Variables): void {
  for (const name of ['innodb_read_only', 'super_read_only', 'read_only'])
    if (['ON', '1'].includes(variables.get(name) ?? 'OFF'))
      throw unsupported(
        `This server is read only (${name}), as replicas are. Give the relay the address of the primary.`,
      )
}

/** Numbers of several writing servers have no common order, and only one's statements can be seen. */
async function refuseSeveralWriters(connection: Connection, variables: Variables): Promise<void> {
  const increment = Number(variables.get('auto_increment_increment') ?? 1)
  if (increment > 1)
    throw unsupported(
      `auto_increment_increment is ${increment}: numbers are handed out by several servers side by side, so that rows cannot be read in order. Let one server write, with auto_increment_increment = 1.`,
    )
  if (variables.get('wsrep_on') === 'ON') {
    const [row] = (await connection.query(readClusterSize)).rows
    const nodes = Number(row?.[1] ?? 1)
    if (nodes > 1)
      throw unsupported(
        `This server is one of ${nodes} nodes of a Galera cluster: what the other nodes are writing cannot be seen from here, so that rows cannot be read in order.`,
      )
  }
  const group = variables.get('group_replication_group_name') ?? ''
  if (group !== '' && variables.get('group_replication_single_primary_mode') === 'OFF') {
    const primaries = Number((await optional(connection, readPrimaries))?.[0] ?? 2)
    if (primaries > 1)
      throw unsupported(
        'This server belongs to a replication group with several primaries: rows cannot be read in order. Set group_replication_single_primary_mode = ON.',
      )
  }
}

async function refuseTables(connection: Connection, table: OutboxTable): Promise<TablePlace> {
  const { rows } = await connection.query(readTables(table))
  const found = new Map(rows.map((row) => [String(row[0]), row]))
  const missing = (['outbox', 'lease', 'held'] as const).filter((kind) => !found.has(kind))
  if (missing.length > 0) {
    const names = missing.map((kind) => qualifiedName(table, 'mysql', kind)).join(', ')
    throw unsupported(
      `There is no table ${names} in this database, or the account of the relay may not see it. Create it with the SQL of createTablesSql('mysql'), or grant select on it to the account; is the database right (in the URL, or the option table.schema)?`,
    )
  }
  const name = qualifiedName(table, 'mysql')
  const [, schema, plain, type] = found.get('outbox') ?? []
  if (String(type) !== 'BASE TABLE')
    throw unsupported(`${name} is not a table. Name the table itself, not a view.`)
  for (const [kind, row] of found)
    if (String(row[4]).toLowerCase() !== 'innodb')
      throw unsupported(
        `${qualifiedName(table, 'mysql', kind as 'outbox')} has the engine ${String(row[4])}, without transactions. Run: alter table ${qualifiedName(table, 'mysql', kind as 'outbox')} engine = InnoDB`,
      )
  return { schema: String(schema), name: String(plain) }
}

const needed = [
  'position',
  'id',
  'aggregatetype',
  'aggregateid',
  'type',
  'payload',
  'headers',
  'topic',
  'created_at',
]

async function refuseColumns(connection: Connection, place: TablePlace, table: OutboxTable): Promise<void> {
  const name = qualifiedName(table, 'mysql')
  const { rows } = await connection.query(readColumns(place.schema, place.name))
  const columns = new Map(rows.map((row) => [String(row[0]).toLowerCase(), row]))
  const missing = needed.filter((column) => !columns.has(column))
  if (missing.length > 0)
    throw unsupported(
      `${name} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}. Add what createTablesSql('mysql') shows.`,
    )
  const [, type, extra, isIndexed] = columns.get('position') ?? []
  if (!/int$/i.test(String(type)) || !/auto_increment/i.test(String(extra)) || Number(isIndexed) !== 1)
    throw unsupported(
      `${name}.position must be "bigint unsigned auto_increment primary key", as createTablesSql('mysql') makes it: reading in order needs the numbers, and that rows are stored by them.`,
    )
  const payload = String(columns.get('payload')?.[1]).toLowerCase()
  const isBytes = /blob|binary/.test(payload)
  if (isBytes !== (table.payload === 'bytes'))
    throw unsupported(
      `${name}.payload is ${payload}, but the option table.payload says '${table.payload}'. Set it to '${isBytes ? 'bytes' : 'json'}'.`,
    )
}

async function refusePrivileges(connection: Connection, table: OutboxTable): Promise<void> {
  const missing: string[] = []
  for (const { grant, statement } of privilegeProbes(table)) {
    const denied = await refusal(connection, statement)
    if (denied) missing.push(grant)
  }
  if (missing.length > 0)
    throw unsupported(
      `The account of the relay lacks privileges. Run: ${missing.map((grant) => `grant ${grant} to <account>`).join('; ')}`,
    )
}

/** True when the account may not run the statement. */
async function refusal(connection: Connection, statement: Statement): Promise<boolean> {
  try {
    await connection.query(statement)
    return false
  } catch (error) {
    const number = isOutboxError(error) ? error.details['errno'] : undefined
    if (number === errno.tableDenied || number === errno.columnDenied) return true
    throw error
  }
}

/** The first row, or `undefined` where the statement is not allowed or not known. */
async function optional(connection: Connection, statement: Statement): Promise<RawRow | undefined> {
  try {
    return (await connection.query(statement)).rows[0]
  } catch (error) {
    if (isOutboxError(error) && error.details['errno'] !== undefined) return undefined
    throw error
  }
}

function durabilityWarnings(variables: Variables, isMariaDb: boolean): string[] {
  const warnings: string[] = []
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  const lost = 'after a crash of the machine events may have been published whose transactions are gone'
  if (flush !== undefined && flush !== '1' && !(isMariaDb && flush === '3'))
    warnings.push(`innodb_flush_log_at_trx_commit is ${flush}: ${lost}. Set it to 1.`)
  const sync = variables.get('sync_binlog')
  // MariaDB's default is 0; its redo log decides, together with the binary log, what is committed
  if (!isMariaDb && variables.get('log_bin') === 'ON' && sync !== undefined && sync !== '1')
    warnings.push(
      `sync_binlog is ${sync}: ${lost}, on this server or on a replica that is promoted. Set it to 1.`,
    )
  return warnings
}

async function replicaWarnings(connection: Connection, { isMariaDb }: Server): Promise<string[]> {
  if (isMariaDb) return []
  const appliers = Number((await optional(connection, readAppliers))?.[0] ?? 0)
  return appliers === 0
    ? []
    : [
        'This server applies what another one writes (replication). If the outbox table comes from there, its rows cannot be read in order: give the relay the address of the server on which the applications write.',
      ]
}

function identityOf(variables: Variables): string {
  const uuid = variables.get('server_uuid')
  if (uuid !== undefined && uuid !== '') return uuid
  return ['hostname', 'port', 'server_id'].map((name) => variables.get(name) ?? '?').join(':')
}

function toVariables(rows: readonly RawRow[]): Variables {
  return new Map(rows.map(([name, value]) => [String(name), String(value)]))
}

function unsupported(message: string): OutboxError {
  return new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', message)
}
