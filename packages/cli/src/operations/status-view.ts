import type { HeldError, OutboxState, RowCount } from '@outboxkit/relay'
import { isDev } from '../dev/owner.js'
import type { Output } from '../output/output.js'
import { counted, oneLine } from './dead-view.js'
import { formatDuration } from './duration.js'
import type { OutboxStatus, StatusFailure } from './status.js'

/** All about an outbox, in a few lines. */
export function printStatus(output: Output, status: OutboxStatus | StatusFailure): void {
  const { bold, red } = output.paint
  if ('error' in status) {
    output.line(bold(status.outbox))
    output.line(`  ${red(`error ${status.error.code}`)}: ${oneLine(status.error.message, 2_000)}`)
    return
  }
  const { state } = status
  output.line(`${bold(status.outbox)}  ${status.table} at ${status.database}`)
  output.line(`  backlog     ${backlogText(state)}`)
  output.line(`  relay       ${relayText(state)}`)
  output.line(`  held        ${heldText(state)}`)
  if (state.lastError !== undefined) output.line(`  held for    ${heldForText(state.lastError)}`)
  output.line(`  last error  ${errorText(state)}`)
  const hint = hintFor(state)
  if (hint !== undefined) output.line(`  hint        ${output.paint.yellow(hint)}`)
}

// A relay that works has published an event long before, in seconds.
const stuckAfter = 30

// An error is told anew with every try, the pauses between which are shorter, in seconds.
const isOverAfter = 120

/** What to look at next, when events wait for longer than they should. */
export function hintFor({ backlog, lease }: OutboxState): string | undefined {
  if (backlog.oldestAgeSeconds === null || backlog.oldestAgeSeconds < stuckAfter) return undefined
  if (lease === undefined || lease.owner === null || lease.expired)
    return "events wait and no relay owns the table: start one ('outboxkit relay')"
  const { lastError } = lease
  if (lastError !== undefined && lastError.ageSeconds < isOverAfter)
    return 'events wait although a relay owns the table: the last error may be why'
  return 'events wait although a relay owns the table: its log and /metrics say whether the broker takes nothing, or it only has much to do'
}

/** The head of the lines of {@link watchLine}. */
export const watchHead = columns(['TIME', 'OUTBOX', 'BACKLOG', 'OLDEST', 'RELAY', 'EPOCH', 'HELD'])

/** The same in one line, for watching. */
export function watchLine(status: OutboxStatus | StatusFailure, now: Date): string {
  const time = now.toISOString().slice(11, 19)
  if ('error' in status)
    return columns([time, status.outbox, `${status.error.code}: ${oneLine(status.error.message, 100)}`])
  const { backlog, held, lease } = status.state
  return columns([
    time,
    status.outbox,
    countText(backlog),
    backlog.oldestAgeSeconds === null ? '-' : age(backlog.oldestAgeSeconds),
    lease === undefined || lease.owner === null
      ? 'none'
      : lease.expired
        ? 'expired'
        : lease.owner.slice(0, 8),
    String(lease?.epoch ?? 0),
    countText(total(held)),
  ])
}

/** Side by side; lines that come one after the other have to fit below each other. */
function columns(cells: readonly string[]): string {
  const widths = [8, 14, 8, 8, 8, 6]
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')
}

/** As `--json` prints it. */
export function statusData(status: OutboxStatus | StatusFailure): object {
  if (!('error' in status)) {
    const { state, ...place } = status
    const { lastError = null } = state
    return { ...place, ...state, lease: leaseData(state), lastError, hint: hintFor(state) ?? null }
  }
  const { code, message } = status.error
  return { outbox: status.outbox, error: { code, message } }
}

function leaseData({ lease }: OutboxState): object | null {
  return lease === undefined ? null : { ...lease, lastError: lease.lastError ?? null }
}

function backlogText({ backlog, held }: OutboxState): string {
  if (backlog.oldestAgeSeconds === null)
    return total(held).rows === 0 ? 'empty' : 'empty, except what is held'
  const number = backlog.atLeast ? `at least ${backlog.rows}` : String(backlog.rows)
  return `${number} ${backlog.rows === 1 ? 'event' : 'events'}, the oldest ${age(backlog.oldestAgeSeconds)} old`
}

function relayText({ lease }: OutboxState): string {
  if (lease === undefined) return 'none has ever run on this table'
  const { owner, epoch, expired, expiresInSeconds, renewals } = lease
  if (owner === null) return `none: the last one (epoch ${epoch}) has stopped`
  if (expired) {
    const since = expiresInSeconds === null ? '' : ` ${age(-expiresInSeconds)} ago`
    return `owner ${owner} is gone: its lease has expired${since} (epoch ${epoch}); no other has taken over yet`
  }
  const kind = isDev(owner) ? 'outboxkit dev, its events do not reach Kafka: ' : ''
  return `${kind}owner ${owner}, epoch ${epoch}, lease for ${age(expiresInSeconds ?? 0)} more, renewed ${counted(renewals, 'time')}`
}

function heldText({ held }: OutboxState): string {
  const parts = (['key', 'topic', 'time'] as const)
    .filter((kind) => held[kind].rows > 0)
    .map(
      (kind) =>
        `${countText(held[kind])} ${held[kind].rows === 1 && !held[kind].atLeast ? 'event' : 'events'} by ${kind}`,
    )
  if (parts.length === 0) return 'nothing'
  const since = held.oldestAgeSeconds === null ? '' : `, the oldest ${age(held.oldestAgeSeconds)} old`
  return `${parts.join(', ')}${since} ('outboxkit dead list')`
}

function errorText({ lease }: OutboxState): string {
  if (lease?.lastError === undefined) return 'none of a relay'
  const { code, message, ageSeconds } = lease.lastError
  return `${code} ${age(ageSeconds)} ago: ${oneLine(message, 300)}`
}

function heldForText({ code, reason, ageSeconds, scopeKind, scope, attempts }: HeldError): string {
  return `${code} ${age(ageSeconds)} ago (${scopeKind} ${oneLine(scope, 60)}, ${counted(attempts, 'attempt')}): ${oneLine(reason, 300)}`
}

function countText({ rows, atLeast }: RowCount): string {
  return atLeast ? `${rows}+` : String(rows)
}

function total(held: OutboxState['held']): RowCount {
  const counts = [held.key, held.topic, held.time]
  return {
    rows: counts.reduce((sum, { rows }) => sum + rows, 0),
    atLeast: counts.some(({ atLeast }) => atLeast),
  }
}

function age(seconds: number): string {
  return formatDuration(Math.max(0, seconds) * 1_000)
}
