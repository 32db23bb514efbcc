import { latestSchemaVersion } from '@outboxkit/core'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { openDatabase } from '../database/open.js'
import { clockFamily, tlsFamily } from './connection.js'
import { driftFamily } from './drift.js'
import { problem, runFamily, sorted, toFinding, type Family, type Finding } from './finding.js'
import { kafkaFindings } from './kafka/kafka.js'
import { readTopicNames } from './kafka/topic-names.js'
import { defaultLimits, type DoctorLimits } from './limits.js'
import * as mysqlSettings from './mysql/settings.js'
import { positionsFamily } from './mysql/table.js'
import * as mysqlTransactions from './mysql/transactions.js'
import { outboxFamily } from './outbox.js'
import { slotsFamily } from './postgres/slots.js'
import { partitionsFamily, sequenceFamily, upkeepFamily } from './postgres/table.js'
import * as postgresSettings from './postgres/settings.js'
import * as postgresTransactions from './postgres/transactions.js'
import { sourceFamily } from './source.js'

export interface DoctorOptions {
  readonly limits?: Partial<DoctorLimits> | undefined
  /** Default true. */
  readonly kafka?: boolean | undefined
  /** Called before each part. */
  readonly onProgress?: ((text: string) => void) | undefined
}

/**
 * Looks at everything that an outbox depends on and says what is wrong, the worst first; checks that have found
 * nothing are there as `ok`. Writes nothing. Does not reject for what it finds: a database that cannot be reached is
 * a finding too.
 */
export async function diagnose(outbox: ResolvedOutbox, options: DoctorOptions = {}): Promise<Finding[]> {
  options.onProgress?.('the database')
  const { findings, topics } = await databaseFindings(outbox, { ...defaultLimits, ...options.limits })
  if (options.kafka === false || outbox.kafka === undefined) return sorted(findings)
  options.onProgress?.('Kafka')
  return sorted([...findings, ...(await kafkaFindings(outbox.kafka, outbox, topics))])
}

async function databaseFindings(
  outbox: ResolvedOutbox,
  limits: DoctorLimits,
): Promise<{ readonly findings: readonly Finding[]; readonly topics: readonly string[] }> {
  let database: Database
  try {
    database = await openDatabase(outbox.database)
  } catch (error) {
    return { findings: [unreachable(error)], topics: [] }
  }
  try {
    const found = await runAll([...serverFamilies(database, outbox, limits), sourceFamily(outbox)])
    const findings = [...(await runAll([reachable])), ...found]
    if (found.some(({ check, severity }) => check === 'tables' && severity !== 'ok'))
      return { findings, topics: [] }
    return {
      findings: [...findings, ...(await runAll(tableFamilies(database, outbox, limits)))],
      topics: await readTopicNames(database, outbox).catch(() => []),
    }
  } finally {
    await database.close()
  }
}

/** One after the other: they share a connection. */
async function runAll(families: readonly Family[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const family of families) findings.push(...(await runFamily(family)))
  return findings
}

function serverFamilies(database: Database, outbox: ResolvedOutbox, limits: DoctorLimits): Family[] {
  const { maxPayloadBytes, table } = outbox
  const common = [clockFamily(database, limits), tlsFamily(database, outbox.database)]
  return database.dialect === 'postgres'
    ? [...common, postgresSettings.settingsFamily(database), slotsFamily(database)]
    : [
        ...common,
        mysqlSettings.settingsFamily(database, { maxPayloadBytes, type: table.payload }),
        mysqlTransactions.transactionsFamily(database, limits),
      ]
}

function tableFamilies(database: Database, { table }: ResolvedOutbox, limits: DoctorLimits): Family[] {
  const versions = { newest: latestSchemaVersion, oldest: Math.max(1, latestSchemaVersion - 1) }
  const common = [driftFamily(database, table), outboxFamily(database, table, { limits, versions })]
  return database.dialect === 'postgres'
    ? [
        ...common,
        sequenceFamily(database, table),
        partitionsFamily(database, table),
        upkeepFamily(database, table, limits),
        postgresTransactions.transactionsFamily(database, table, limits),
      ]
    : [...common, positionsFamily(database, table)]
}

const reachable: Family = { checks: ['database-reachable'], run: () => Promise.resolve([]) }

function unreachable(error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error)
  return toFinding(
    problem(
      'fatal',
      'database-reachable',
      message,
      'Is the server running, and are host, port, user and password right? Can this machine reach it (firewall, VPN)?',
    ),
  )
}
