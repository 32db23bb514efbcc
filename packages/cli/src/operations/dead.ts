import type { OutboxTable } from '@outboxkit/core'
import type { Database, Row } from '../database/database.js'
import {
  conditions,
  heldColumns,
  heldName,
  identified,
  positionList,
  toDeadEvent,
  type DeadEvent,
  type DeadFilter,
  type DeadKind,
  type DeadRequest,
} from './dead-row.js'
import { contentColumns, payloadOf, textOf, toPosition } from './event-row.js'
import { allOf, raw, run, sql } from './statement.js'

/** What waits together. */
export interface DeadScope {
  readonly kind: DeadKind
  readonly scope: string
  /** Counted up to {@link countLimit}: more are there when it is reached. */
  readonly events: number
  /** The first event that fits. */
  readonly first: DeadEvent
}

/** Events of one scope are counted up to here. */
export const countLimit = 1_000

/** A page, in order, and where the next one begins; `undefined`: this was the last one. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[]
  readonly next: Cursor | undefined
}

export type ScopeCursor = Pick<DeadScope, 'kind' | 'scope'>

/** Scopes that have held events, by kind and name. Nothing of a payload is read, and no scope is counted in full. */
export async function listDeadScopes(
  database: Database,
  table: OutboxTable,
  { filter = {}, limit = 50, after }: { filter?: DeadFilter; limit?: number; after?: ScopeCursor } = {},
): Promise<Page<DeadScope, ScopeCursor>> {
  const held = heldName(database, table)
  const behind =
    after === undefined
      ? undefined
      : sql`(h.scope_kind > ${after.kind} or (h.scope_kind = ${after.kind} and h.scope > ${after.scope}))`
  const groups = await run(
    database,
    sql`select h.scope_kind, h.scope, min(h.position) as position from ${held} h
      where ${allOf([...conditions(filter, 'h'), behind])}
      group by h.scope_kind, h.scope order by h.scope_kind, h.scope limit ${raw(String(limit + 1))}`,
  )
  const shown = groups.slice(0, limit)
  const firsts = await readByPosition(
    database,
    table,
    shown.map((row) => toPosition(row['position'])),
  )
  const items: DeadScope[] = []
  for (const first of firsts) {
    const { kind, scope } = first
    items.push({
      kind,
      scope,
      first,
      events: await countUpTo(database, table, { ...filter, kind, scope }, countLimit),
    })
  }
  items.sort((a, b) => shown.findIndex((row) => isOf(row, a)) - shown.findIndex((row) => isOf(row, b)))
  const last = shown.at(-1)
  const isLast = groups.length <= limit || last === undefined
  return {
    items,
    next: isLast ? undefined : { kind: last['scope_kind'] as DeadKind, scope: String(last['scope']) },
  }
}

/** Held events by position. */
export async function listDeadEvents(
  database: Database,
  table: OutboxTable,
  { filter = {}, limit = 50, after = 0 }: { filter?: DeadFilter; limit?: number; after?: number } = {},
): Promise<Page<DeadEvent, number>> {
  const rows = await run(
    database,
    sql`select ${heldColumns(database)} from ${heldName(database, table)} h
      where ${allOf([...conditions(filter, 'h'), sql`h.position > ${raw(String(after))}`])}
      order by h.position limit ${raw(String(limit + 1))}`,
  )
  const items = rows.slice(0, limit).map(toDeadEvent)
  return { items, next: rows.length > limit ? items.at(-1)?.position : undefined }
}

/** How many held events fit, counted up to `atMost`; `request`: only those for which this was asked. */
export async function countUpTo(
  database: Database,
  table: OutboxTable,
  filter: DeadFilter,
  atMost: number,
  request?: DeadRequest,
): Promise<number> {
  const isAsked = request === undefined ? undefined : sql`h.request = ${request}`
  const [row] = await run(
    database,
    sql`select count(*) as events from (select 1 from ${heldName(database, table)} h
      where ${allOf([...conditions(filter, 'h'), isAsked])} limit ${raw(String(atMost))}) c`,
  )
  return Number(row?.['events'])
}

/** A held event with its content. */
export interface DeadEventInFull extends DeadEvent {
  readonly payload: string | Uint8Array | null
  /** As stored: JSON text, or what somebody has written there. */
  readonly headers: string | null
}

/** The held events with this id, or the one at this position. Throws `OUTBOX_OPTION_INVALID` for what is neither. */
export async function findDead(
  database: Database,
  table: OutboxTable,
  id: string,
): Promise<readonly DeadEventInFull[]> {
  const rows = await run(
    database,
    sql`select ${heldColumns(database)}, ${contentColumns(table, database.dialect, 'h')}
      from ${heldName(database, table)} h where ${identified(database.dialect, id)} order by h.position`,
  )
  return rows.map((row) => ({
    ...toDeadEvent(row),
    payload: payloadOf(table, row),
    headers: textOf(row['headers']),
  }))
}

/** The same without content. */
export async function findDeadRows(
  database: Database,
  table: OutboxTable,
  id: string,
): Promise<readonly DeadEvent[]> {
  const rows = await run(
    database,
    sql`select ${heldColumns(database)} from ${heldName(database, table)} h
      where ${identified(database.dialect, id)} order by h.position`,
  )
  return rows.map(toDeadEvent)
}

export async function readByPosition(
  database: Database,
  table: OutboxTable,
  positions: readonly number[],
): Promise<readonly DeadEvent[]> {
  if (positions.length === 0) return []
  const rows = await run(
    database,
    sql`select ${heldColumns(database)} from ${heldName(database, table)} h
      where h.position in (${positionList(positions)}) order by h.position`,
  )
  return rows.map(toDeadEvent)
}

function isOf(row: Row, { kind, scope }: ScopeCursor): boolean {
  return row['scope_kind'] === kind && row['scope'] === scope
}
