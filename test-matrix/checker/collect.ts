import { checkHistory, type CheckOptions } from './check.js'
import { dumpTopics } from './consume.js'
import type { Attempt, FaultRecord, History } from './history.js'
import type { LedgerPlace } from './ledger.js'
import { readLedger, readLeft, waitUntilDrained } from './read-ledger.js'
import type { Report } from './report.js'

export interface RunToCheck extends CheckOptions {
  readonly databaseUrl: string
  readonly place: LedgerPlace
  readonly brokers: readonly string[]
  readonly topics: readonly string[]
  readonly attempts: readonly Attempt[]
  readonly faults: readonly FaultRecord[]
  /** How long the backlog may take to drain after healing. Default a minute (I6). */
  readonly drainMs?: number
}

/** Everything the checker needs, gathered after healing; a relay must be running to drain the backlog. */
export async function collectHistory(run: RunToCheck): Promise<History> {
  await waitUntilDrained(run.databaseUrl, run.place, run.drainMs ?? 60_000)
  const dump = await dumpTopics(run.brokers, run.topics)
  return {
    ...dump,
    ledger: await readLedger(run.databaseUrl, run.place),
    left: await readLeft(run.databaseUrl, run.place),
    attempts: run.attempts,
    faults: run.faults,
  }
}

export async function checkRun(run: RunToCheck): Promise<Report> {
  return checkHistory(await collectHistory(run), run)
}
