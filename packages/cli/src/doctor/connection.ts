import type { DatabaseSettings } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { humanMs, type DoctorLimits } from './limits.js'
import { isLoopback } from './loopback.js'
import { problem, type Family, type Problem } from './finding.js'

export function clockFamily(database: Database, limits: DoctorLimits): Family {
  return {
    checks: ['clock'],
    run: async () => judgeClock(await measureClock(database), limits),
  }
}

/** The clock of the database less that of this machine, in ms, and how far off that may be. */
export interface ClockDifference {
  readonly differenceMs: number
  readonly uncertainMs: number
}

async function measureClock({ query, dialect }: Database): Promise<ClockDifference> {
  const statement =
    dialect === 'postgres'
      ? `select (extract(epoch from clock_timestamp()) * 1000)::text as now`
      : `select cast(unix_timestamp(now(6)) * 1000 as char) as now`
  const before = Date.now()
  const [row] = await query(statement)
  const after = Date.now()
  return {
    differenceMs: Number(row?.['now']) - (before + after) / 2,
    uncertainMs: (after - before) / 2,
  }
}

export function judgeClock({ differenceMs, uncertainMs }: ClockDifference, limits: DoctorLimits): Problem[] {
  const least = Math.abs(differenceMs) - uncertainMs
  if (least <= limits.clockMs) return []
  return [
    problem(
      'warning',
      'clock',
      `The clock of the database is ${humanMs(Math.abs(differenceMs))} ${differenceMs > 0 ? 'ahead of' : 'behind'} the clock of this machine. Leases do not depend on it; ages, and times in events and logs, do.`,
      'Let both follow the same time servers (NTP).',
    ),
  ]
}

export function tlsFamily(database: Database, settings: DatabaseSettings): Family {
  return {
    checks: ['database-tls'],
    run: async () =>
      judgeTls(database.name, isLoopback(database.name), await isEncrypted(database), settings),
  }
}

/** `undefined`: not told. */
async function isEncrypted({ query, dialect }: Database): Promise<boolean | undefined> {
  if (dialect === 'mysql') {
    const [row] = await query(`show session status where variable_name = 'Ssl_cipher'`)
    return row === undefined ? undefined : String(row['Value']) !== ''
  }
  const [row] = await query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
  return row === undefined ? undefined : row['ssl'] === true
}

export function judgeTls(
  name: string,
  isLocal: boolean,
  encrypted: boolean | undefined,
  { dialect }: Pick<DatabaseSettings, 'dialect'>,
): Problem[] {
  if (isLocal || encrypted !== false) return []
  return [
    problem(
      'info',
      'database-tls',
      `The connection to ${name} is not encrypted.`,
      dialect === 'postgres'
        ? 'If the network between is not your own, add sslmode=verify-full to the URL.'
        : 'If the network between is not your own, give config: { uri, ssl: {} } instead of a URL.',
    ),
  ]
}
