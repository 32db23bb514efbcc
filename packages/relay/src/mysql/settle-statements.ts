import { qualifiedName, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import { askedOf, type HeldEvent, type HeldScope, type Lease, type ParkedEvent } from '../source.js'
import type { Statement } from './connection.js'
import { eventColumns, positionsIn, rowBytes } from './statements.js'

/** The columns of an event besides its position. */
export const eventColumnNames = 'id, aggregatetype, aggregateid, type, payload, headers, topic, created_at'

/**
 * Positions with the ids of their events. As ids are compared, a position that was used a second time names no
 * row that was not published.
 */
export const rowsIn = (alias: string): string =>
  `json_table(?, '$[*]' columns (position bigint unsigned path '$[0]', id varchar(64) path '$[1]')) ${alias}`

/** Positions with their scope and reason. */
const reasonsIn = (alias: string): string =>
  `json_table(?, '$[*]' columns (position bigint unsigned path '$[0]', id varchar(64) path '$[1]', scope_kind varchar(8) path '$[2]', scope varchar(600) path '$[3]', code varchar(64) path '$[4]', reason longtext path '$[5]', attempts int path '$[6]', asked varchar(16) path '$[7]')) ${alias}`

/** Locks the lease row for the rest of the transaction; no row: the lease is lost. */
export function lockLease(table: OutboxTable, lease: Lease): Statement {
  return {
    text: `select 1 from ${qualifiedName(table, 'mysql', 'lease')} where id = 1 and owner = ? and epoch = cast(? as unsigned) for update`,
    values: [lease.owner, lease.epoch],
  }
}

/**
 * Deletes rows of the outbox under the fence: the lease row is read first, and stays locked to the end. Tells by
 * the number of deleted rows that the lease was ours, unless that is none.
 */
export function deleteEvents(table: OutboxTable, lease: Lease, events: readonly StoredEvent[]): Statement {
  return {
    text: `
delete o from ${qualifiedName(table, 'mysql', 'lease')} l
straight_join ${rowsIn('j')}
straight_join ${qualifiedName(table, 'mysql')} o force index (primary) on o.position = j.position
where l.id = 1 and l.owner = ? and l.epoch = cast(? as unsigned) and o.id = j.id`,
    values: [JSON.stringify(events.map(({ position, id }) => [position, id])), lease.owner, lease.epoch],
  }
}

/**
 * Copies rows from the outbox to the held table, as they are. One that is held already stays as it is there. Only
 * with the lease locked, and before {@link deleteHeldEvents}.
 */
export function copyToHeld(table: OutboxTable, held: readonly HeldEvent[]): Statement {
  return {
    text: `
insert into ${qualifiedName(table, 'mysql', 'held')} (position, ${eventColumnNames}, scope_kind, scope, code, reason, attempts)
select o.position, ${prefixed('o')}, j.scope_kind, j.scope, j.code, j.reason, j.attempts
from ${reasonsIn('j')}
straight_join ${qualifiedName(table, 'mysql')} o force index (primary) on o.position = j.position
where o.id = j.id
on duplicate key update attempts = ${qualifiedName(table, 'mysql', 'held')}.attempts`,
    values: [reasons(held)],
  }
}

/** Deletes the rows that the held table has now; one whose position is held for another event stays. */
export function deleteHeldEvents(table: OutboxTable, held: readonly HeldEvent[]): Statement {
  return {
    text: `
delete o from ${rowsIn('j')}
straight_join ${qualifiedName(table, 'mysql', 'held')} h force index (primary) on h.position = j.position
straight_join ${qualifiedName(table, 'mysql')} o force index (primary) on o.position = j.position
where o.id = j.id and h.id = j.id`,
    values: [JSON.stringify(held.map(({ event }) => [event.position, event.id]))],
  }
}

/** Gives held rows of `scope` another scope and reason and takes their request away. Only with the lease locked. */
export function parkHeld(table: OutboxTable, scope: HeldScope, parked: readonly ParkedEvent[]): Statement {
  return {
    text: `
update ${reasonsIn('j')}
straight_join ${qualifiedName(table, 'mysql', 'held')} h force index (primary) on h.position = j.position
set h.scope_kind = j.scope_kind, h.scope = j.scope, h.code = j.code, h.reason = j.reason, h.attempts = j.attempts,
  h.request = if(j.asked = 'anything' or j.asked = coalesce(h.request, 'nothing'), null, h.request)
where h.scope_kind = ? and h.scope = ?`,
    values: [reasons(parked), scope.kind, scope.scope],
  }
}

/** Deletes held rows of `scope`. Only with the lease locked. */
export function deleteHeld(table: OutboxTable, scope: HeldScope, positions: readonly number[]): Statement {
  return {
    text: `
delete h from ${positionsIn('j')}
straight_join ${qualifiedName(table, 'mysql', 'held')} h force index (primary) on h.position = j.position
where h.scope_kind = ? and h.scope = ?`,
    values: [JSON.stringify(positions), scope.kind, scope.scope],
  }
}

/** A row if the scope has any. */
export function hasHeld(table: OutboxTable, scope: HeldScope): Statement {
  return {
    text: `select 1 from ${qualifiedName(table, 'mysql', 'held')} h where h.scope_kind = ? and h.scope = ? limit 1`,
    values: [scope.kind, scope.scope],
  }
}

/** Kind and scope of everything held: the index gives each once, however many rows it has. */
export function readScopes(table: OutboxTable): Statement {
  return {
    text: `select h.scope_kind, h.scope from ${qualifiedName(table, 'mysql', 'held')} h group by h.scope_kind, h.scope`,
    values: [],
  }
}

/** Kind and scope of the rows that a person has asked to retry or to discard. */
export function readRequestedScopes(table: OutboxTable): Statement {
  return {
    text: `select h.scope_kind, h.scope from ${qualifiedName(table, 'mysql', 'held')} h where h.request is not null group by h.scope_kind, h.scope order by min(h.position)`,
    values: [],
  }
}

/** The first rows of a held scope, in position order; the row that crosses `maxBytes` is the last one. */
export function readHeldRows(
  table: OutboxTable,
  scope: HeldScope,
  limit: number,
  maxBytes: number,
): Statement {
  const held = qualifiedName(table, 'mysql', 'held')
  return {
    text: `
select cast(h.position as char), '0', ${eventColumns('h')}, h.code, h.reason, h.attempts, h.request from (
  select f.position, sum(f.bytes) over (order by f.position) - f.bytes as before_it from (
    select t.position, ${rowBytes('t')} as bytes from ${held} t
    where t.scope_kind = ? and t.scope = ? order by t.position limit ?) f) w
straight_join ${held} h force index (primary) on h.position = w.position
where w.before_it < cast(? as unsigned) order by h.position`,
    values: [scope.kind, scope.scope, limit, maxBytes],
  }
}

/** The columns of an event as those of `alias`. */
export function prefixed(alias: string): string {
  return eventColumnNames
    .split(', ')
    .map((name) => `${alias}.${name}`)
    .join(', ')
}

function reasons(held: readonly ParkedEvent[]): string {
  return JSON.stringify(
    held.map((row) => [
      row.event.position,
      row.event.id,
      row.kind,
      row.scope,
      row.code,
      row.reason,
      row.attempts,
      askedOf(row),
    ]),
  )
}
