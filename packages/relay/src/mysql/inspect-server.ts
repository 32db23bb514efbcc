import { fatal, warning, type SourceProblem } from '../problem.js'
import type { Connection, RawRow } from './connection.js'
import { optional } from './inspect-query.js'
import { readAppliers, readClusterSize, readPrimaries } from './inspect-statements.js'

/** Settings and states of the server by name. */
export type Variables = ReadonlyMap<string, string>

export interface Server {
  readonly version: string
  readonly isMariaDb: boolean
}

export function otherServer([version, comment]: RawRow): SourceProblem[] {
  const text = `${String(version)} ${String(comment ?? '')}`
  for (const [pattern, name] of [
    [/TiDB/i, 'TiDB'],
    [/Vitess|PlanetScale/i, 'Vitess'],
    [/SingleStore|MemSQL/i, 'SingleStore'],
    [/OceanBase/i, 'OceanBase'],
  ] as const)
    if (pattern.test(text))
      return [
        fatal(
          'other-server',
          `This server is ${name}: several nodes hand out numbers side by side, so that rows cannot be read in order.`,
          'Use a table of MySQL or MariaDB.',
        ),
      ]
  return []
}

export function serverOf([version, comment]: RawRow): Server {
  return {
    version: String(version),
    isMariaDb: /mariadb/i.test(`${String(version)} ${String(comment ?? '')}`),
  }
}

export function tooOld({ version, isMariaDb }: Server): SourceProblem[] {
  // MariaDB once stood behind 5.5.5- for old clients
  const [major = 0, minor = 0, patch = 0] = (
    /(\d+)\.(\d+)\.(\d+)/.exec(version.replace(/^5\.5\.5-/, '')) ?? []
  )
    .slice(1)
    .map(Number)
  const number = major * 1_000_000 + minor * 1_000 + patch
  if (number >= (isMariaDb ? 10_006_000 : 8_000_014)) return []
  return [
    fatal(
      'server-version',
      `This server is ${isMariaDb ? 'MariaDB' : 'MySQL'} ${version}.`,
      'MySQL 8.0.14 or newer, or MariaDB 10.6 or newer, is needed.',
    ),
  ]
}

export function readOnly(variables: Variables): SourceProblem[] {
  const name = ['innodb_read_only', 'super_read_only', 'read_only'].find((setting) =>
    ['ON', '1'].includes(variables.get(setting) ?? 'OFF'),
  )
  if (name === undefined) return []
  return [
    fatal(
      'replica',
      `This server is read only (${name}), as replicas are.`,
      'Give the relay the address of the primary.',
    ),
  ]
}

/** Numbers of several writing servers have no common order, and only one's statements can be seen. */
export async function severalWriters(connection: Connection, variables: Variables): Promise<SourceProblem[]> {
  const problems: SourceProblem[] = []
  const increment = Number(variables.get('auto_increment_increment') ?? 1)
  if (increment > 1)
    problems.push(
      fatal(
        'auto-increment',
        `auto_increment_increment is ${increment}: numbers are handed out by several servers side by side, so that rows cannot be read in order.`,
        'Let one server write, with auto_increment_increment = 1.',
      ),
    )
  if (variables.get('wsrep_on') === 'ON') {
    const nodes = Number((await connection.query(readClusterSize)).rows[0]?.[1] ?? 1)
    if (nodes > 1)
      problems.push(
        fatal(
          'galera',
          `This server is one of ${nodes} nodes of a Galera cluster: what the other nodes are writing cannot be seen from here, so that rows cannot be read in order.`,
          'Put the outbox on a server that is the only one to write it.',
        ),
      )
  }
  const group = variables.get('group_replication_group_name') ?? ''
  if (group !== '' && variables.get('group_replication_single_primary_mode') === 'OFF') {
    const primaries = Number((await optional(connection, readPrimaries))?.[0] ?? 2)
    if (primaries > 1)
      problems.push(
        fatal(
          'group-replication',
          'This server belongs to a replication group with several primaries: rows cannot be read in order.',
          'Set group_replication_single_primary_mode = ON.',
        ),
      )
  }
  return problems
}

export function durability(variables: Variables, isMariaDb: boolean): SourceProblem[] {
  const problems: SourceProblem[] = []
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  const lost = 'after a crash of the machine events may have been published whose transactions are gone'
  if (flush !== undefined && flush !== '1' && !(isMariaDb && flush === '3'))
    problems.push(
      warning('innodb-flush', `innodb_flush_log_at_trx_commit is ${flush}: ${lost}.`, 'Set it to 1.'),
    )
  const sync = variables.get('sync_binlog')
  // MariaDB's default is 0; its redo log decides, together with the binary log, what is committed
  if (!isMariaDb && variables.get('log_bin') === 'ON' && sync !== undefined && sync !== '1')
    problems.push(
      warning(
        'sync-binlog',
        `sync_binlog is ${sync}: ${lost}, on this server or on a replica that is promoted.`,
        'Set it to 1.',
      ),
    )
  return problems
}

export async function replica(connection: Connection, { isMariaDb }: Server): Promise<SourceProblem[]> {
  if (isMariaDb) return []
  const appliers = Number((await optional(connection, readAppliers))?.[0] ?? 0)
  if (appliers === 0) return []
  return [
    warning(
      'replica',
      'This server applies what another one writes (replication). If the outbox table comes from there, its rows cannot be read in order:',
      'give the relay the address of the server on which the applications write.',
    ),
  ]
}

export function toVariables(rows: readonly RawRow[]): Variables {
  return new Map(rows.map(([name, value]) => [String(name), String(value)]))
}
