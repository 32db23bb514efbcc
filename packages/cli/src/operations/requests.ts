import { isOutboxError, type OutboxTable, type SqlStatement } from '@outboxkit/core'
import type { Database, Query } from '../database/database.js'
import { countUpTo, findDeadRows, readByPosition } from './dead.js'
import { conditions, heldName, positionList } from './dead-row.js'
import type { DeadEvent, DeadFilter, DeadRequest } from './dead-row.js'
import { toPosition } from './event-row.js'
import { pause } from './pause.js'
import { allOf, raw, run, sql } from './statement.js'

// Rows in one transaction: the relay waits for none of them for long.
const rowsPerStep = 500
const maxTries = 5
const countAtMost = 100_000
/** Deadlock and serialization failure, on PostgreSQL and MySQL: everything is rolled back, the same once more. */
const transient: readonly unknown[] = ['40P01', '40001', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']

/** What was asked of the owner for one event. */
export interface Asked {
  readonly event: DeadEvent
  /** The same was asked before and is not done yet. */
  readonly already: boolean
  /** Earlier events of its key that nobody has asked for, counted up to 100: this one waits behind them. */
  readonly blockedBy: number
}

/** Ids of which no held event was found are `unknown`; the others were asked for all the same. */
export interface AskedByIds {
  readonly asked: readonly Asked[]
  readonly unknown: readonly string[]
}

/**
 * Asks the owner to retry or to discard events, by event id or position. Only the relay that owns the table acts:
 * a request is a mark on the row. Asking twice changes nothing; asking for something else replaces what was asked.
 *
 * Throws `OUTBOX_OPTION_INVALID` for an id that is neither, before anything is asked.
 */
export async function requestByIds(
  database: Database,
  table: OutboxTable,
  request: DeadRequest,
  ids: readonly string[],
): Promise<AskedByIds> {
  const found = new Map<number, DeadEvent>()
  const unknown: string[] = []
  for (const id of new Set(ids)) {
    const rows = await findDeadRows(database, table, id)
    if (rows.length === 0) unknown.push(id)
    for (const row of rows) found.set(row.position, row)
  }
  const events = [...found.values()].toSorted((a, b) => a.position - b.position)
  for (let at = 0; at < events.length; at += rowsPerStep)
    await mark(
      database,
      table,
      request,
      events.slice(at, at + rowsPerStep).map(({ position }) => position),
    )
  const asked: Asked[] = []
  for (const event of events)
    asked.push({
      event,
      already: event.request === request,
      blockedBy: request === 'retry' ? await countBefore(database, table, event) : 0,
    })
  return { asked, unknown }
}

/** The same for all events that fit, in bounded steps. Returns how many were asked for now, and were already. */
export async function requestByFilter(
  database: Database,
  table: OutboxTable,
  request: DeadRequest,
  filter: DeadFilter,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (events: number) => void } = {},
): Promise<{ readonly asked: number; readonly already: number }> {
  let [asked, already, after] = [0, 0, 0]
  while (signal?.aborted !== true) {
    const rows = await run(
      database,
      sql`select h.position, h.request from ${heldName(database, table)} h
        where ${allOf([...conditions(filter, 'h'), sql`h.position > ${raw(String(after))}`])}
        order by h.position limit ${raw(String(rowsPerStep))}`,
    )
    const fresh = rows.filter((row) => row['request'] !== request)
    const positions = fresh.map((row) => toPosition(row['position']))
    if (positions.length > 0) await mark(database, table, request, positions)
    asked += fresh.length
    already += rows.length - fresh.length
    after = toPosition(rows.at(-1)?.['position'] ?? after)
    onProgress?.(asked + already)
    if (rows.length < rowsPerStep) break
  }
  return { asked, already }
}

export type DeadEnd =
  | { readonly event: DeadEvent; readonly outcome: 'gone' }
  /** Tried, and held again: as it is now. */
  | { readonly event: DeadEvent; readonly outcome: 'held again' }
  | { readonly event: DeadEvent; readonly outcome: 'waiting' }

/**
 * Waits until the owner has acted on these events, or until `timeoutMs` have passed. An event that has left the
 * held table was published (`retry`) or given up (`discard`).
 */
export async function awaitRequests(
  database: Database,
  table: OutboxTable,
  events: readonly DeadEvent[],
  { timeoutMs, signal, pollMs = 200 }: { timeoutMs: number; signal?: AbortSignal; pollMs?: number },
): Promise<readonly DeadEnd[]> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const ends = await lookAt(database, table, events)
    const isOver = performance.now() >= until || signal?.aborted === true
    if (isOver || ends.every(({ outcome }) => outcome !== 'waiting')) return ends
    await pause(pollMs, signal)
  }
}

/**
 * The same for all events that fit: until none of them waits for the owner any more. Both numbers are counted up to
 * 100,000; `held`: what is left, those that wait included.
 */
export async function awaitFilter(
  database: Database,
  table: OutboxTable,
  request: DeadRequest,
  filter: DeadFilter,
  { timeoutMs, signal, pollMs = 500 }: { timeoutMs: number; signal?: AbortSignal; pollMs?: number },
): Promise<{ readonly waiting: number; readonly held: number }> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const waiting = await countUpTo(database, table, filter, countAtMost, request)
    const isOver = performance.now() >= until || signal?.aborted === true
    if (isOver || waiting === 0)
      return { waiting, held: await countUpTo(database, table, filter, countAtMost) }
    await pause(pollMs, signal)
  }
}

async function lookAt(
  database: Database,
  table: OutboxTable,
  events: readonly DeadEvent[],
): Promise<readonly DeadEnd[]> {
  const rows = new Map<number, DeadEvent>()
  for (let at = 0; at < events.length; at += rowsPerStep) {
    const positions = events.slice(at, at + rowsPerStep).map(({ position }) => position)
    for (const row of await readByPosition(database, table, positions)) rows.set(row.position, row)
  }
  return events.map((event): DeadEnd => {
    const row = rows.get(event.position)
    if (row === undefined || row.id !== event.id) return { event, outcome: 'gone' }
    return { event: row, outcome: row.request === null ? 'held again' : 'waiting' }
  })
}

/** By position: looked up before, so that no other row of the table is locked meanwhile. */
async function mark(
  database: Database,
  table: OutboxTable,
  request: DeadRequest,
  positions: readonly number[],
): Promise<void> {
  const update: SqlStatement = sql`update ${heldName(database, table)} set request = ${request}
    where position in (${positionList(positions)})`
  for (let attempt = 1; ; attempt++) {
    try {
      await database.transaction((query: Query) => run({ dialect: database.dialect, query }, update))
      return
    } catch (error) {
      const isTransient = isOutboxError(error) && transient.includes(error.details['code'])
      if (!isTransient || attempt === maxTries) throw error
    }
  }
}

async function countBefore(database: Database, table: OutboxTable, event: DeadEvent): Promise<number> {
  if (event.kind !== 'key') return 0
  const [row] = await run(
    database,
    sql`select count(*) as events from (select 1 from ${heldName(database, table)} h
      where h.scope_kind = ${event.kind} and h.scope = ${event.scope} and h.request is null
        and h.position < ${raw(String(event.position))} limit 100) c`,
  )
  return Number(row?.['events'])
}
