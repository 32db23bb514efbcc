import type { OutboxTable } from '@outboxkit/core'
import { outboxMetrics, type OutboxState } from '@outboxkit/relay'
import type { Database } from '../database/database.js'
import { readLastError } from '../operations/status.js'
import { humanMs, type DoctorLimits } from './limits.js'
import { problem, type Family, type Problem } from './finding.js'

/** The version of the tables that this program knows, and the oldest that it works with. */
export interface SchemaVersions {
  readonly newest: number
  readonly oldest: number
}

export function outboxFamily(
  database: Database,
  table: OutboxTable,
  { limits, versions }: { limits: DoctorLimits; versions: SchemaVersions },
): Family {
  return {
    checks: ['lease', 'held', 'backlog', 'schema-version'],
    run: async () => {
      const { schema, ...options } = table
      const state = await outboxMetrics(database.query, {
        dialect: database.dialect,
        table: schema === undefined ? options : { ...options, schema },
      })
      // The last event itself often only waits behind one of its key: that says nothing.
      return judgeOutbox({ ...state, lastError: await readLastError(database, table) }, limits, versions)
    },
  }
}

export function judgeOutbox(state: OutboxState, limits: DoctorLimits, versions: SchemaVersions): Problem[] {
  return [
    ...lease(state),
    ...held(state),
    ...backlog(state, limits),
    ...version(state.lease?.schemaVersion, versions),
  ]
}

function lease({ lease: found, backlog: { rows } }: OutboxState): Problem[] {
  const waiting = rows === 0 ? '' : rows === 1 ? ' 1 event waits.' : ` ${rows} events wait.`
  const start = 'Start one: outboxkit relay'
  if (found === undefined)
    return [problem('info', 'lease', `No relay has run on this outbox yet.${waiting}`, start)]
  const { owner, expired, expiresInSeconds, epoch } = found
  if (owner === null)
    return [
      problem(
        'info',
        'lease',
        `No relay owns the outbox; the last one (epoch ${epoch}) has stopped cleanly.${waiting}`,
        start,
      ),
    ]
  if (expired)
    return [
      problem(
        'warning',
        'lease',
        `The owner ${owner} (epoch ${epoch}) has vanished${expiresInSeconds === null ? '' : `: its lease ran out ${humanMs(-expiresInSeconds * 1_000)} ago`}, and no other relay has taken over.${waiting}`,
        'Look why it ended, and start it again, better two of them: outboxkit relay',
      ),
    ]
  return []
}

function held({ held: { key, topic, time }, lastError }: OutboxState): Problem[] {
  const parts = Object.entries({ key, topic, time }).flatMap(([kind, { rows, atLeast }]) =>
    kind === 'time' || rows === 0 ? [] : [`${atLeast ? 'at least ' : ''}${rows} by ${kind}`],
  )
  if (parts.length === 0) return []
  const why = lastError === undefined ? '' : ` The last: ${lastError.code}, ${lastError.reason}`
  return [
    problem(
      'warning',
      'held',
      `Events wait in the held table: ${parts.join(', ')}.${why}`,
      'Look and decide: outboxkit dead list, then outboxkit dead retry or dead discard. Topics are tried again by themselves.',
    ),
  ]
}

function backlog(
  { backlog: { rows, atLeast, oldestAgeSeconds } }: OutboxState,
  limits: DoctorLimits,
): Problem[] {
  const ageMs = (oldestAgeSeconds ?? 0) * 1_000
  if (ageMs <= limits.oldBacklogMs) return []
  return [
    problem(
      'warning',
      'backlog',
      `The oldest of ${atLeast ? 'at least ' : ''}${rows} events that are not published is ${humanMs(ageMs)} old.`,
      'Is a relay running, and does it say why it does not get on? outboxkit status',
    ),
  ]
}

function version(found: number | undefined, { newest, oldest }: SchemaVersions): Problem[] {
  if (found === undefined || (found <= newest && found >= oldest)) return []
  if (found > newest)
    return [
      problem(
        'fatal',
        'schema-version',
        `The tables have version ${found}, this program only knows ${newest}.`,
        'Install a newer version: npm install outboxkit@latest',
      ),
    ]
  return [
    problem(
      'fatal',
      'schema-version',
      `The tables have version ${found}; this program needs ${oldest} or newer.`,
      'Run: outboxkit generate, then apply the migration that it writes.',
    ),
  ]
}
