import type { OutboxState } from '@outboxkit/relay'
import type { OngoingFault } from './faults.js'
import { aboutDatabase, aboutLease } from './narrate.js'
import type { StationState } from './station.js'

/** One outbox, as far as its health needs it. */
export interface HealthView {
  readonly name: string
  readonly state: StationState
  readonly mistake: string | undefined
  readonly faults: readonly OngoingFault[]
  /** For how long nothing has moved at all, in ms. */
  readonly stillForMs: number
  /** Since the broker last acknowledged something, in ms; `Infinity`: never. */
  readonly sincePublishedMs: number
  /** `undefined`: not measured. */
  readonly table: OutboxState | undefined
}

export interface HealthLimits {
  /** The loop of a relay goes round several times in the term of a lease: after so long it hangs. */
  readonly hangsAfterMs: number
  /** A backlog older than this that makes no progress for as long is not ready. */
  readonly oldAfterMs: number
}

export interface OutboxHealth {
  readonly name: string
  readonly state: StationState
  readonly ok: boolean
  /** Why not; never a secret. */
  readonly reason?: string
  readonly backlog?: {
    readonly rows: number
    readonly atLeast: boolean
    readonly oldestAgeSeconds: number | null
  }
}

/** Alive: the loop turns, or sleeps, or waits for somebody. A broker or a database that is down is no reason to start anew. */
export function livenessOf(view: HealthView, { hangsAfterMs }: HealthLimits): OutboxHealth {
  const { name, state } = view
  // Of several outboxes one may be halted for good: ending the process would end the others, and help nobody.
  const isWaiting = ['asleep', 'stopping', 'stopped', 'failed'].includes(state)
  if (isWaiting || view.stillForMs < hangsAfterMs) return { name, state, ok: true }
  return {
    name,
    state,
    ok: false,
    reason: `its loop has not turned for ${Math.round(view.stillForMs / 1_000)} s`,
  }
}

/** Ready: owns the table and makes progress, or stands by, or sleeps. */
export function readinessOf(view: HealthView, limits: HealthLimits): OutboxHealth {
  const { name, state, table } = view
  const reason = unreadiness(view, limits)
  return {
    name,
    state,
    ok: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(table === undefined ? {} : { backlog: table.backlog }),
  }
}

function unreadiness(view: HealthView, { oldAfterMs }: HealthLimits): string | undefined {
  const { state, mistake, faults, table, sincePublishedMs } = view
  if (mistake !== undefined) return mistake
  const fault = faults.find(({ about }) => about === aboutDatabase || about === aboutLease)
  if (fault !== undefined) return fault.message
  if (state === 'standby' || state === 'asleep') return undefined
  if (state !== 'owner') return `it is ${state}`
  const ageMs = (table?.backlog.oldestAgeSeconds ?? 0) * 1_000
  if (ageMs < oldAfterMs || sincePublishedMs < oldAfterMs) return undefined
  const since = sincePublishedMs === Infinity ? 'ever' : `for ${Math.round(sincePublishedMs / 1_000)} s`
  const because = faults[0] === undefined ? '' : `: ${faults[0].message}`
  return `an event has waited for ${Math.round(ageMs / 1_000)} s, and none was published ${since}${because}`
}
