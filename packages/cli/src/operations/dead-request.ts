import type { ResolvedOutbox } from '../config/resolved.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import type { Database } from '../database/database.js'
import type { Output } from '../output/output.js'
import { counted, keyOf, oneLine, plural } from './dead-view.js'
import { countUpTo } from './dead.js'
import type { DeadEvent, DeadFilter, DeadRequest } from './dead-row.js'
import { eachOutbox, readState } from './each-outbox.js'
import {
  awaitFilter,
  awaitRequests,
  requestByFilter,
  requestByIds,
  type Asked,
  type DeadEnd,
} from './requests.js'

/** A dry run counts up to here. */
const dryRunLimit = 100_000

export interface DeadOrder {
  readonly request: DeadRequest
  readonly ids: readonly string[]
  readonly filter: DeadFilter
  readonly all: boolean
  readonly yes: boolean
  /** Wait for the owner for so long; `undefined`: do not. */
  readonly waitMs: number | undefined
}

/** What is wrong with an order, for the usage line; `undefined`: nothing. */
export function orderProblem({ ids, filter, all }: DeadOrder): string | undefined {
  const isFiltered = Object.values(filter).some((value) => value !== undefined)
  if (
    [ids.length > 0, isFiltered, all].filter(Boolean).length > 1 &&
    !(isFiltered && all && ids.length === 0)
  )
    return 'give either ids, or flags that choose events, or --all'
  if (ids.length === 0 && !isFiltered && !all)
    return "say which events: ids or positions, --scope and the like, or --all ('outboxkit dead list' shows what is there)"
  return undefined
}

/** Carries out `dead retry` and `dead discard`, and says what has happened. */
export async function requestDead(
  context: CommandContext,
  flags: GlobalFlags,
  order: DeadOrder,
): Promise<void> {
  const output = context.output(flags)
  if (order.ids.length > 0) return requestIds(context, flags, order, output)
  // One scope is what a person has just looked at; giving it up cannot be undone.
  const isDry = !order.yes && !(order.request === 'retry' && order.filter.scope !== undefined)
  const isFine = await eachOutbox(context, flags, (outbox, database) =>
    isDry
      ? count(outbox, database, order, output)
      : requestMany(outbox, database, order, output, context.signal),
  )
  if (isFine.includes(false)) context.setExitCode(1)
}

async function requestIds(
  context: CommandContext,
  flags: GlobalFlags,
  order: DeadOrder,
  output: Output,
): Promise<void> {
  const { request, ids, waitMs } = order
  const unknown = new Map<string, number>()
  const results = await eachOutbox(context, flags, async (outbox, database) => {
    const { table, name } = outbox
    const result = await requestByIds(database, table, request, ids)
    for (const id of result.unknown) unknown.set(id, (unknown.get(id) ?? 0) + 1)
    if (result.asked.length === 0) return true
    const events = result.asked.map(({ event }) => event)
    const { signal } = context
    const isOwned = waitMs === undefined || (await noteNoOwner(outbox, database, output))
    const ends =
      waitMs === undefined ? [] : await awaitRequests(database, table, events, { timeoutMs: waitMs, signal })
    if (ends.length === 0) for (const one of result.asked) output.line(askedText(one, request))
    else for (const end of ends) output.line(endText(end, request))
    output.data({
      outbox: name,
      request,
      asked: result.asked.map(askedData),
      ...(ends.length > 0 ? { ends: ends.map(endData) } : {}),
    })
    if (isOwned && ends.every(({ outcome }) => outcome === 'waiting'))
      await noteOwner(outbox, database, output)
    signal.throwIfAborted()
    return ends.every(({ outcome }) => outcome === 'gone')
  })
  const lost = [...unknown].filter(([, misses]) => misses === results.length).map(([id]) => id)
  for (const id of lost)
    output.note(
      `No held event has the id or position ${id}: it was published or given up, or it never was held.`,
    )
  if (lost.length > 0) output.data({ unknown: lost })
  if (lost.length > 0 || results.includes(false)) context.setExitCode(1)
}

/** The dry run. */
async function count(
  { name, table }: ResolvedOutbox,
  database: Database,
  { request, filter }: DeadOrder,
  output: Output,
): Promise<boolean> {
  const events = await countUpTo(database, table, filter, dryRunLimit)
  const number = events === dryRunLimit ? `${events} or more events` : plural(events)
  output.line(
    `${name}: would ${request} ${number}.${events === 0 ? '' : ' Nothing was asked; add --yes to do it.'}`,
  )
  output.data({ outbox: name, request, dryRun: true, events, atLeast: events === dryRunLimit })
  return true
}

/** False: with `--wait`, something is left. */
async function requestMany(
  outbox: ResolvedOutbox,
  database: Database,
  { request, filter, waitMs }: DeadOrder,
  output: Output,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, table } = outbox
  const progress = output.progress(`${name}: asking to ${request}`)
  const result = await requestByFilter(database, table, request, filter, {
    signal,
    onProgress: (events) => progress.update(String(events)),
  }).finally(() => progress.stop())
  signal.throwIfAborted()
  const total = result.asked + result.already
  const before = result.already === 0 ? '' : ` (${result.already} of them were asked for before)`
  output.line(`${name}: asked to ${request} ${plural(total)}${before}.`)
  let left: { readonly waiting: number; readonly held: number } | undefined
  let isOwned = true
  if (waitMs !== undefined && total > 0) {
    isOwned = await noteNoOwner(outbox, database, output)
    left = await awaitFilter(database, table, request, filter, { timeoutMs: waitMs, signal })
    if (left.held === 0) output.line(`${name}: done, nothing of it is held any more.`)
    else
      output.line(`${name}: ${plural(left.held)} still held, ${left.waiting} of them waiting for the relay.`)
  }
  output.data({ outbox: name, request, ...result, ...(left === undefined ? {} : { left }) })
  if (isOwned && total > 0 && (left === undefined || left.waiting > 0))
    await noteOwner(outbox, database, output)
  signal.throwIfAborted()
  return left === undefined || left.held === 0
}

/** Only the owner acts on a request: says so, and whether there is one. */
async function noteOwner(outbox: ResolvedOutbox, database: Database, output: Output): Promise<void> {
  if (await noteNoOwner(outbox, database, output))
    output.note(
      `${outbox.name}: the relay that owns the table acts within a second or two (--wait waits for it).`,
    )
}

/** Before a wait that only a relay can end: says it when there is none. True: there is one. */
async function noteNoOwner(
  { name, table }: ResolvedOutbox,
  database: Database,
  output: Output,
): Promise<boolean> {
  const { lease } = await readState(database, table, 1)
  const isOwned = lease !== undefined && lease.owner !== null && !lease.expired
  if (!isOwned) output.note(`${name}: no relay owns the table now; it is done as soon as one runs.`)
  return isOwned
}

function askedText({ event, already, blockedBy }: Asked, request: DeadRequest): string {
  const behind =
    blockedBy === 0
      ? ''
      : `, after ${blockedBy >= 100 ? '100 or more events' : plural(blockedBy)} of its key before it for which nothing was asked`
  return `${describe(event)}: ${already ? `was asked to ${request} before` : `asked to ${request}`}${behind}`
}

function endText({ event, outcome }: DeadEnd, request: DeadRequest): string {
  if (outcome === 'gone') return `${describe(event)}: ${request === 'retry' ? 'published' : 'given up'}`
  if (outcome === 'waiting') return `${describe(event)}: still waiting for the relay to ${request} it`
  return `${describe(event)}: refused again after ${counted(event.attempts, 'attempt')}: ${event.code} ${oneLine(event.reason, 300)}`
}

function askedData({ event, already, blockedBy }: Asked): object {
  return { position: event.position, id: event.id, already, blockedBy }
}

function endData({ event, outcome }: DeadEnd): object {
  const { position, id, code, reason } = event
  return outcome === 'held again' ? { position, id, outcome, code, reason } : { position, id, outcome }
}

function describe(event: DeadEvent): string {
  return `${event.position} ${oneLine(event.type, 60)} ${oneLine(keyOf(event), 60)}`
}
