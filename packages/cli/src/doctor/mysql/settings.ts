import type { OutboxTable } from '@outboxkit/core'
import type { Database } from '../../database/database.js'
import { humanBytes } from '../limits.js'
import { problem, type Family, type Problem } from '../finding.js'

/** What the server says of itself. */
export interface MysqlSettings {
  readonly version: string
  readonly isMariaDb: boolean
  /** Global settings by name; those that it does not have are left out. */
  readonly variables: Readonly<Record<string, string>>
  readonly threadsConnected: number
}

/** What `emit` of the application writes. */
export interface Payloads {
  readonly maxPayloadBytes: number
  readonly type: OutboxTable['payload']
}

const names = [
  'autocommit',
  'binlog_format',
  'binlog_row_image',
  'gtid_mode',
  'innodb_autoinc_lock_mode',
  'innodb_doublewrite',
  'innodb_lock_wait_timeout',
  'log_bin',
  'max_allowed_packet',
  'max_connections',
  'max_user_connections',
  'sql_mode',
  'wait_timeout',
]

export function settingsFamily(database: Database, payloads: Payloads): Family {
  return {
    checks: [
      'server-version',
      'doublewrite',
      'sql-mode',
      'max-allowed-packet',
      'time-outs',
      'connections',
      'binlog-format',
    ],
    run: async () => judgeSettings(await readSettings(database), payloads),
  }
}

async function readSettings({ query, version, flavour }: Database): Promise<MysqlSettings> {
  const list = names.map((name) => `'${name}'`).join(', ')
  const rows = await query(`show global variables where variable_name in (${list})`)
  const [threads] = await query(`show global status where variable_name = 'Threads_connected'`)
  return {
    version,
    isMariaDb: flavour === 'mariadb',
    variables: Object.fromEntries(
      rows.map((row) => [String(row['Variable_name']).toLowerCase(), String(row['Value'])]),
    ),
    threadsConnected: Number(threads?.['Value']),
  }
}

export function judgeSettings(found: MysqlSettings, payloads: Payloads): Problem[] {
  return [
    ...version(found),
    ...doublewrite(found.variables),
    ...sqlMode(found.variables),
    ...packet(found.variables, payloads),
    ...timeOuts(found.variables),
    ...connections(found),
    ...binlog(found),
  ]
}

const newest = { mysql: [9, 7], mariadb: [11, 8] } as const

/** Too old a version is refused by the relay itself. */
function version({ version: text, isMariaDb }: MysqlSettings): Problem[] {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10))
  const [lastMajor, lastMinor] = newest[isMariaDb ? 'mariadb' : 'mysql']
  if (major < lastMajor || (major === lastMajor && minor <= lastMinor)) return []
  return [
    problem(
      'info',
      'server-version',
      `${isMariaDb ? 'MariaDB' : 'MySQL'} ${text} is newer than what is tested (up to ${lastMajor}.${lastMinor}).`,
      'Nothing is known against it; look for a newer version of Outboxkit.',
    ),
  ]
}

function doublewrite({ innodb_doublewrite: value = 'ON' }: MysqlSettings['variables']): Problem[] {
  if (!/^(off|0)$/i.test(value)) return []
  return [
    problem(
      'warning',
      'doublewrite',
      'innodb_doublewrite is off: after a power failure pages of the outbox may be half written, and the server cannot repair them.',
      'Set innodb_doublewrite = ON, unless the file system writes pages as a whole.',
    ),
  ]
}

function sqlMode({ sql_mode: mode = '' }: MysqlSettings['variables']): Problem[] {
  if (/STRICT_(TRANS|ALL)_TABLES/i.test(mode)) return []
  return [
    problem(
      'warning',
      'sql-mode',
      `sql_mode is '${mode}', which is not strict: what does not fit a column is cut or changed without an error, in your own tables and in events that are written without emit().`,
      'Add STRICT_TRANS_TABLES to sql_mode.',
    ),
  ]
}

/** Room for the statement around the payload, headers and keys. */
const statementBytes = 65_536

function packet(
  { max_allowed_packet: limit }: MysqlSettings['variables'],
  { maxPayloadBytes, type }: Payloads,
): Problem[] {
  if (limit === undefined) return []
  // Knex and Drizzle send bytes as hexadecimal text; JSON may have a quote or backslash to escape in every place.
  const needed = 2 * maxPayloadBytes + statementBytes
  if (Number(limit) >= needed) return []
  const isSure = type === 'bytes' || Number(limit) < maxPayloadBytes + statementBytes
  return [
    problem(
      isSure ? 'warning' : 'info',
      'max-allowed-packet',
      `max_allowed_packet is ${humanBytes(Number(limit))}; an event of maxPayloadBytes (${humanBytes(maxPayloadBytes)}) may need ${humanBytes(needed)} in a statement${type === 'bytes' ? ', as bytes are sent in hexadecimal' : ', with every quote escaped'}. A larger one ends the connection.`,
      `Set max_allowed_packet to ${needed} or more, or lower maxPayloadBytes.`,
    ),
  ]
}

function timeOuts(variables: MysqlSettings['variables']): Problem[] {
  const problems: Problem[] = []
  const idle = Number(variables['wait_timeout'] ?? 28_800)
  if (idle < 60)
    problems.push(
      problem(
        'warning',
        'time-outs',
        `wait_timeout is ${idle} s: the server ends connections of the relay while nothing is emitted, and the relay has to connect again and again.`,
        'Set it to more than a minute.',
      ),
    )
  const lock = Number(variables['innodb_lock_wait_timeout'] ?? 50)
  if (lock > 300)
    problems.push(
      problem(
        'info',
        'time-outs',
        `innodb_lock_wait_timeout is ${lock} s: an application's emit() that waits for a lock waits that long before it fails. The relay sets its own.`,
        'The default is 50.',
      ),
    )
  return problems
}

/** The relay keeps three connections. */
const neededConnections = 3

function connections({ variables, threadsConnected }: MysqlSettings): Problem[] {
  const limit = Number(variables['max_user_connections'] ?? 0)
  if (limit > 0 && limit < neededConnections)
    return [
      problem(
        'fatal',
        'connections',
        `max_user_connections is ${limit}; a relay keeps ${neededConnections}.`,
        'Raise max_user_connections.',
      ),
    ]
  const left = Number(variables['max_connections'] ?? Infinity) - threadsConnected
  if (!(left < neededConnections)) return []
  return [
    problem(
      'warning',
      'connections',
      `The server has ${Math.max(0, left)} connections left; a relay keeps ${neededConnections}.`,
      'Raise max_connections.',
    ),
  ]
}

function binlog({ variables, isMariaDb }: MysqlSettings): Problem[] {
  const { log_bin, binlog_format, binlog_row_image, gtid_mode, innodb_autoinc_lock_mode } = variables
  const isOn = log_bin === 'ON' || log_bin === '1'
  if (isOn && binlog_format === 'STATEMENT' && innodb_autoinc_lock_mode === '2')
    return [
      problem(
        'warning',
        'binlog-format',
        'binlog_format is STATEMENT while numbers are handed out in an interleaved way (innodb_autoinc_lock_mode = 2): on a replica the rows of the outbox get other positions, and after its promotion events come in another order.',
        'Set binlog_format = ROW.',
      ),
    ]
  const wanted = [
    isOn ? '' : 'log_bin',
    binlog_format === undefined || binlog_format === 'ROW' ? '' : 'binlog_format = ROW',
    binlog_row_image === undefined || binlog_row_image === 'FULL' ? '' : 'binlog_row_image = FULL',
    isMariaDb || gtid_mode === undefined || gtid_mode === 'ON' ? '' : 'gtid_mode = ON',
  ].filter((setting) => setting !== '')
  if (wanted.length === 0) return []
  return [
    problem(
      'info',
      'binlog-format',
      `To read the binary log instead of polling, these would be needed: ${wanted.join(', ')}. Polling, which is used now, needs none of them.`,
      'Nothing now.',
    ),
  ]
}
