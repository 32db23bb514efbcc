import type { Database } from '../../database/database.js'
import { problem, type Family, type Problem } from '../finding.js'

/** What a session of the relay's role sees. */
export interface PostgresSettings {
  readonly version: string
  readonly settings: Readonly<Record<string, string>>
  readonly isSuperuser: boolean
  readonly role: string
  /** Of the role and the database, -1: no limit. */
  readonly connectionLimits: readonly number[]
  /** Connections of the server that an ordinary role could still open. */
  readonly connectionsLeft: number
}

export function settingsFamily(database: Database): Family {
  return {
    checks: [
      'server-version',
      'full-page-writes',
      'log-source',
      'replica',
      'time-outs',
      'connections',
      'superuser',
    ],
    run: async () => judgeSettings(await readSettings(database)),
  }
}

async function readSettings({ query, version }: Database): Promise<PostgresSettings> {
  const [row] = await query(
    `select
      (select json_object_agg(name, setting) from pg_settings where name = any($1))::text as settings,
      (select rolsuper from pg_roles where rolname = current_user) as superuser, current_user::text as role,
      (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
      (select datconnlimit from pg_database where datname = current_database()) as database_limit,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - (select count(*)::int from pg_stat_activity where datid is not null) as connections_left`,
    [
      [
        'full_page_writes',
        'wal_level',
        'max_replication_slots',
        'max_wal_senders',
        'default_transaction_read_only',
        'idle_session_timeout',
      ],
    ],
  )
  return {
    version,
    settings: JSON.parse(String(row?.['settings'])) as Record<string, string>,
    isSuperuser: row?.['superuser'] === true,
    role: String(row?.['role']),
    connectionLimits: [Number(row?.['role_limit']), Number(row?.['database_limit'])],
    connectionsLeft: Number(row?.['connections_left']),
  }
}

/** The relay keeps three connections, and a standby one. */
const needed = 3

export function judgeSettings(found: PostgresSettings): Problem[] {
  return [
    ...version(found.version),
    ...fullPageWrites(found.settings),
    ...logSource(found.settings),
    ...readOnly(found.settings),
    ...timeOuts(found.settings),
    ...connections(found),
    ...superuser(found),
  ]
}

function version(text: string): Problem[] {
  const major = Number.parseInt(text, 10)
  if (major < 14)
    return [
      problem(
        'warning',
        'server-version',
        `PostgreSQL ${text} is older than what is tested (14 to 18).`,
        'Upgrade to 14 or newer.',
      ),
    ]
  if (major <= 18) return []
  return [
    problem(
      'info',
      'server-version',
      `PostgreSQL ${text} is newer than what is tested (14 to 18).`,
      'Nothing is known against it; look for a newer version of Outboxkit.',
    ),
  ]
}

function fullPageWrites(settings: PostgresSettings['settings']): Problem[] {
  if (settings['full_page_writes'] !== 'off') return []
  return [
    problem(
      'warning',
      'full-page-writes',
      'full_page_writes is off: after a power failure pages of the outbox may be half written, and their rows gone or back.',
      'Set full_page_writes = on, unless the file system writes pages of 8 kB as a whole.',
    ),
  ]
}

function logSource({
  wal_level,
  max_replication_slots,
  max_wal_senders,
}: PostgresSettings['settings']): Problem[] {
  if (wal_level === 'logical' && Number(max_replication_slots) > 0 && Number(max_wal_senders) > 0) return []
  return [
    problem(
      'info',
      'log-source',
      `wal_level is ${wal_level}, max_replication_slots ${max_replication_slots}, max_wal_senders ${max_wal_senders}. Polling, which is used now, needs none of them.`,
      'Nothing now. To read the log instead of polling: wal_level = logical and at least one slot and sender (each needs a restart).',
    ),
  ]
}

function readOnly(settings: PostgresSettings['settings']): Problem[] {
  if (settings['default_transaction_read_only'] !== 'on') return []
  return [
    problem(
      'fatal',
      'replica',
      'default_transaction_read_only is on for this role or database: the relay cannot take its lease, nor remove what it has published.',
      'Run: alter role … set default_transaction_read_only = off (or alter database, wherever it is set)',
    ),
  ]
}

function timeOuts(settings: PostgresSettings['settings']): Problem[] {
  const idle = Number(settings['idle_session_timeout'] ?? 0)
  if (idle === 0 || idle >= 60_000) return []
  return [
    problem(
      'warning',
      'time-outs',
      `idle_session_timeout is ${idle} ms: the server ends connections of the relay while nothing is emitted, and the relay has to connect again and again.`,
      'Set it to 0 or to more than a minute for the role of the relay.',
    ),
  ]
}

function connections({ connectionLimits, connectionsLeft, role }: PostgresSettings): Problem[] {
  const limit = Math.min(...connectionLimits.filter((value) => value >= 0))
  if (limit < needed)
    return [
      problem(
        'fatal',
        'connections',
        `The role or the database allows ${limit} connections; a relay keeps ${needed}.`,
        `Run: alter role ${role} connection limit -1 (or alter database, wherever it is set)`,
      ),
    ]
  if (connectionsLeft >= needed) return []
  return [
    problem(
      'warning',
      'connections',
      `The server has ${Math.max(0, connectionsLeft)} connections left; a relay keeps ${needed}.`,
      'Raise max_connections, or put a pooler in front of the applications (not of the relay).',
    ),
  ]
}

function superuser({ isSuperuser, role }: PostgresSettings): Problem[] {
  if (!isSuperuser) return []
  return [
    problem(
      'info',
      'superuser',
      `The relay connects as ${role}, a superuser; it needs far less.`,
      'Make a role of its own: outboxkit generate --roles writes the grants.',
    ),
  ]
}
